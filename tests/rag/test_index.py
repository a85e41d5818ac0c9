"""An index: what it holds after each change, and that only what changed is embedded."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from agentlab.cancellation import cancellable
from agentlab.errors import ConfigError, TurnCancelled
from agentlab.rag import Index
from tests.rag.conftest import WordEmbeddings


def sources(index: Index) -> set[str]:
    return {Path(source).name for source in index.files}


def found(index: Index, text: str, **options: Any) -> list[str]:
    return [d.page_content for d in index.search(text, **options)]


def test_files(folder: Path, words: WordEmbeddings, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    index = Index.from_files(
        folder,
        words,
        tmp_path / "index",
        splitter="sentences",
        progress=lambda done, total: told.append((done, total)),
    )
    assert isinstance(index, VectorStore)
    assert len(index) == 8
    assert told == [(8, 8)]
    first = index.search("reset the pump", k=1)[0]
    assert first.page_content == "Press the red button twice to reset it."
    text = (folder / "pump.md").read_text()
    assert first.metadata["source"] == (folder / "pump.md").as_posix()
    assert first.metadata["title"] == first.metadata["section"] == "The cellar pump"
    assert text[first.metadata["start"] : first.metadata["end"]] == first.page_content
    again = Index.open(tmp_path / "index", words)
    assert again.search("reset the pump", k=1) == [first]
    assert again.info["splitter"] == "sentences:1"


def test_only_what_changed_is_embedded(folder: Path, words: WordEmbeddings, tmp_path: Path) -> None:
    def build() -> Index:
        words.embedded.clear()
        return Index.from_files(folder, words, tmp_path / "index", splitter="sentences")

    build()
    index = build()
    assert (words.embedded, index.report.unchanged) == ([], 4)
    builds = sorted((tmp_path / "index").iterdir())
    with (folder / "leave.txt").open("a") as file:
        file.write("Birthdays are free.\n")
    (folder / "cats.txt").unlink()
    (folder / "dogs.txt").write_text("Dogs bark.")
    index = build()
    assert words.embedded == ["dogs\nDogs bark.", "leave\nBirthdays are free."]
    assert sources(index) == {"pump.md", "film.md", "leave.txt", "dogs.txt"}
    assert found(index, "purr", mode="keyword") == []
    assert len(index) == 9
    assert builds != sorted((tmp_path / "index").iterdir())


def test_a_file_that_breaks_keeps_what_was_read(
    folder: Path, words: WordEmbeddings, tmp_path: Path
) -> None:
    Index.from_files(folder, words, tmp_path / "index")
    (folder / "cats.txt").write_bytes(b"\xff\x00")
    index = Index.from_files(folder, words, tmp_path / "index")
    assert [Path(s.source).name for s in index.report.skipped] == ["cats.txt"]
    assert found(index, "purr", mode="keyword")


def test_files_are_added_and_deleted(folder: Path, words: WordEmbeddings, tmp_path: Path) -> None:
    index = Index.from_files(folder / "cats.txt", words, tmp_path / "index")
    report = index.add_files(folder / "leave.txt")
    assert (report.files, report.embedded, len(index)) == (1, 1, 2)
    assert index.add_files(folder / "leave.txt").unchanged == 1
    assert index.delete(source=(folder / "cats.txt").as_posix())
    assert sources(index) == {"leave.txt"}
    assert index.report.removed == 1
    assert not index.delete(source="nothing.txt")
    # Texts without a file stay when the files are built again.
    index.add(["A text of its own."])
    again = Index.from_files(folder / "cats.txt", words, tmp_path / "index")
    assert sources(again) == {"cats.txt"}
    assert len(again) == 2


def test_an_index_may_lie_among_its_files(folder: Path, words: WordEmbeddings) -> None:
    for _ in range(2):
        index = Index.from_files(folder, words, folder / "index")
        assert index.report.skipped == []
        assert len(sources(index)) == 4


def test_texts_with_ids_are_replaced(words: WordEmbeddings) -> None:
    index = Index.from_texts(
        ["red", "green", "red"], words, [{"n": 1}, {"n": 2}, {"n": 1}], ids=["a", "b", "c"]
    )
    assert len(index) == 3
    assert index.add_texts(["blue", "white"], ids=["b", "d"]) == ["b", "d"]
    assert [d.page_content for d in index.get_by_ids(["d", "b", "?", "a"])] == [
        "white",
        "blue",
        "red",
    ]
    assert found(index, "green", mode="keyword") == []
    assert index.delete(["a", "?"])
    assert not index.delete(["a"])
    assert len(index) == 3


def test_equal_texts_are_stored_once(words: WordEmbeddings) -> None:
    index = Index.from_texts(["x", "x", "y"], words)
    assert len(index) == 2
    ids = index.add(["x", "z", "z"])
    assert len(ids) == 3
    assert ids[1] == ids[2]
    assert len(index) == 3


def test_everything_can_be_deleted(words: WordEmbeddings) -> None:
    index = Index.from_texts(["one", "two"], words, ids=["1", "2"])
    index.delete(["1", "2"])
    assert len(index) == 0
    for mode in ("dense", "keyword", "hybrid"):
        assert index.search("one", mode=mode) == []
    index.add(["three"])
    assert found(index, "three", mode="hybrid") == ["three"]


def test_rows_are_numbered_anew_when_many_are_gone(words: WordEmbeddings) -> None:
    texts = [f"word{n} shared" for n in range(40)]
    index = Index.from_texts(texts, words, ids=[str(n) for n in range(40)])
    index.delete(["3"])
    assert index.info["rows"] == 40
    index.delete([str(n) for n in range(30) if n != 3])
    assert index.info["rows"] == index.info["chunks"] == 10
    for n in range(30, 40):
        for mode in ("dense", "keyword"):
            assert found(index, f"word{n}", k=1, mode=mode) == [f"word{n} shared"]
    assert found(index, "word3", mode="keyword") == []


def test_the_content_tells_indexes_apart(words: WordEmbeddings) -> None:
    one = Index.from_texts(["a", "b"], words)
    other = Index.from_texts(["b"], words)
    assert one.identity != other.identity
    other.add(["x"])
    other.add(["a"])
    other.delete(other.add(["x"]))
    assert one.identity == other.identity


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf"])
def test_every_kind_finds_the_nearest(kind: str) -> None:
    class Random(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [self.embed_query(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return np.random.default_rng(int(text)).normal(size=16).tolist()  # type: ignore[no-any-return]

    numbers = [str(n) for n in range(400)]
    index = Index.from_texts(numbers[:300], Random(), ids=numbers[:300], kind=kind)
    index.add_texts(numbers[300:], ids=numbers[300:])
    index.delete(["7"])
    assert index.info["kind"] == kind
    right = sum(found(index, str(n), k=1) == [str(n)] for n in range(0, 400, 5))
    assert right >= (80 if kind == "flat" else 76)
    assert "7" not in found(index, "7", k=400)
    only = index.search("399", k=3, filter=lambda metadata: False)
    assert only == []


def test_langchain_documents(words: WordEmbeddings) -> None:
    documents = [
        Document(page_content="Cats purr. Dogs bark.", metadata={"page": 3}, id="x"),
        Document(page_content="Cows moo."),
    ]
    whole = Index.from_documents(documents, words)
    assert whole.get_by_ids(["x"])[0].metadata == {"page": 3}
    parts = Index.from_documents(documents, words, splitter="sentences")
    assert len(parts) == 3
    assert found(parts, "dogs", k=1) == ["Dogs bark."]


def test_small_chunks_give_large_ones(words: WordEmbeddings) -> None:
    text = "Cats purr. They sleep.\n\nDogs bark. They run."
    document = Document(page_content=text, metadata={"source": "a"})
    index = Index.from_documents([document], words, splitter="sentences in paragraphs")
    assert len(index) == 4
    first, second = index.search("dogs run", k=4)
    assert first.page_content == "Dogs bark. They run."
    assert text[first.metadata["start"] : first.metadata["end"]] == first.page_content
    match = text[first.metadata["match_start"] : first.metadata["match_end"]]
    assert match in ("Dogs bark.", "They run.")
    assert second.page_content == "Cats purr. They sleep."
    assert found(index, "dogs", k=1, parents=False) == ["Dogs bark."]
    index.delete(source="a")
    assert index._open().records.query("SELECT * FROM parents") == []


def test_other_settings_are_refused(folder: Path, words: WordEmbeddings, tmp_path: Path) -> None:
    path = tmp_path / "index"
    Index.from_files(folder, words, path)
    with pytest.raises(ConfigError, match="splitter='tokens:256/32', not 'sentences:2'"):
        Index.from_files(folder, words, path, splitter="sentences:2")
    with pytest.raises(ConfigError, match="embeddings words, not with others"):
        Index.from_files(folder, WordEmbeddings("others"), path)
    with pytest.raises(ConfigError, match="embeddings words, not with bge-small"):
        Index.open(path, "bge-small")
    with pytest.raises(ConfigError, match="no parameter 'spliter'") as caught:
        Index.from_files(folder, words, path, spliter="x")
    assert "splitter" in caught.value.hint
    index = Index.from_files(folder, words, path, splitter="sentences:2", replace=True)
    assert index.info["splitter"] == "sentences:2"


def test_what_cannot_be_an_index(folder: Path, words: WordEmbeddings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds other files"):
        Index.from_files(folder, words, folder)
    with pytest.raises(ConfigError, match="is a file"):
        Index.from_files(folder, words, folder / "cats.txt")
    with pytest.raises(ConfigError, match="there is no index"):
        Index.open(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="nothing to index"):
        Index.from_texts([], words)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.txt").write_bytes(b"\x00")
    with pytest.raises(ConfigError, match="none of the files could be read"):
        Index.from_files(tmp_path / "bad", words)
    with pytest.raises(ConfigError, match="metadata of a document cannot be stored"):
        Index.from_texts(["x"], words, [{"when": object()}])
    with pytest.raises(ConfigError, match="needs ids"):
        Index.from_texts(["x"], words).delete()
    with pytest.raises(ConfigError, match="2 ids were given for 1 texts"):
        Index.from_texts(["x"], words, ids=["1", "2"])


def test_an_index_can_be_moved(words: WordEmbeddings, tmp_path: Path) -> None:
    Index.from_texts(["Cats purr."], words, path=tmp_path / "a")
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert found(Index.open(tmp_path / "b", words), "cats") == ["Cats purr."]


def test_a_build_can_be_stopped_and_goes_on(
    folder: Path, words: WordEmbeddings, tmp_path: Path
) -> None:
    with cancellable() as scope:

        def stop(done: int, total: int) -> None:
            scope.cancel()

        texts = [f"text {n}" for n in range(100)]
        with pytest.raises(TurnCancelled):
            Index.from_texts(texts, words, path=tmp_path / "index", progress=stop)
    assert len(words.embedded) == 64
    with pytest.raises(ConfigError, match="there is no index"):
        Index.open(tmp_path / "index", words)
    assert len(Index.from_texts(texts, words, path=tmp_path / "index")) == 100


def test_several_threads_search_while_one_adds(words: WordEmbeddings) -> None:
    index = Index.from_texts([f"text {n}" for n in range(50)], words)
    problems: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                assert len(index.search("text 7", mode="hybrid")) == 4
        except BaseException as error:  # noqa: BLE001
            problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for n in range(50, 60):
        index.add([f"text {n}"])
    done.set()
    for thread in readers:
        thread.join()
    assert problems == []
    assert len(index) == 60
