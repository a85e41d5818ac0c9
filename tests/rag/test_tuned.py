"""The options that an index was tuned to, in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentlab.errors import ConfigError
from agentlab.rag import Index
from agentlab.rag.tuned import FILE, read_tuned, write_tuned
from tests.rag.conftest import WordEmbeddings

OPTIONS = {
    "mode": "hybrid",
    "fusion": "scores",
    "weights": (1.0, 0.5),
    "rerank": "minilm",
    "rerank_depth": 20,
    "rerank_weight": 0.5,
}


def test_options_are_kept(words: WordEmbeddings, tmp_path: Path) -> None:
    index = Index.from_texts(["a cat", "a dog"], words, path=tmp_path / "ix")
    assert index.tuned == {}
    path = write_tuned(index.path, OPTIONS, "two\nlines")
    assert path.read_text().startswith("# two\n# lines\nmode = ")
    assert index.tuned == {**OPTIONS, "weights": [1.0, 0.5]}
    query = index.as_retriever(**index.tuned).query  # type: ignore[attr-defined]
    assert (query.weights, query.rerank_depth, query.rerank_weight) == ((1.0, 0.5), 20, 0.5)
    # It is neither in the way of a change, nor lost by one.
    index.add(["a horse"])
    index.verify()
    assert Index.open(index.path, words).tuned == index.tuned
    Index.from_texts(["a cow"], words, path=index.path, replace=True)
    assert read_tuned(index.path)["mode"] == "hybrid"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mode = 3", "'mode' cannot be 3"),
        ("rerank = true", "'rerank' cannot be True"),
        ("weights = [1, 'x']", "'weights' must be numbers"),
        ("mode = 'sparse'", "there is no mode 'sparse'"),
        ("filter = 'a'", "there is no option 'filter'"),
        ("rerank = 'bigbird'", "there is no reranker 'bigbird'"),
        ("mode =", "Invalid value"),
        ("\xff", "codec can't decode"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=why) as error:
        read_tuned(tmp_path)
    assert FILE in str(error.value)


def test_only_what_is_known_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no option 'k'"):
        write_tuned(tmp_path, {"k": 3})
    assert list(tmp_path.iterdir()) == []
