"""Chunks: the right pieces, each where it says it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter

from agentlab.errors import ConfigError
from agentlab.models.embeddings import word_spans
from agentlab.rag import Splitter
from agentlab.rag.sentences import sentence_spans
from agentlab.rag.split import split

GUIDE = """# Pumps

One. Two is here. Three?

## Fuses

Four! Five.

```
# no heading
```

### Boxes ###

Six.
"""


def pieces(text: str, spec: Any, most: int | None = None, source: str = "a.md") -> list[Document]:
    document = Document(page_content=text, metadata={"source": source})
    splitter = Splitter.parse(spec) if isinstance(spec, str) else spec
    return [piece.chunk for piece in split([document], splitter, word_spans, most)]


def texts(text: str, spec: Any, most: int | None = None) -> list[str]:
    return [piece.page_content for piece in pieces(text, spec, most)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Ray paid 3.50 to J. R. Ott. He left!",
            ["Dr. Ray paid 3.50 to J. R. Ott.", "He left!"],
        ),
        ('"Really?" she said. Yes.', ['"Really?" she said.', "Yes."]),
        ("See e.g. page 3. Then go…", ["See e.g. page 3.", "Then go…"]),
        ("A title\n\nand text", ["A title", "and text"]),
        ("这是。第二句！", ["这是。", "第二句！"]),
        ("no end", ["no end"]),
        (" \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [text[a:b] for a, b in sentence_spans(text)] == sentences


def test_units() -> None:
    assert texts("Aa. Bb. Cc. Dd.", "sentences:2") == ["Aa. Bb.", "Cc. Dd."]
    assert texts("A b. B b. C c. D d.", "sentences:2/1") == ["A b. B b.", "B b. C c.", "C c. D d."]
    assert texts("one\n\ntwo\n \nthree", "paragraphs") == ["one", "two", "three"]
    assert texts("one\n\ntwo\n \nthree", "paragraphs:2") == ["one\n\ntwo", "three"]
    assert texts("  whole \n\n thing ", "document") == ["whole \n\n thing"]
    assert texts("Aa bb. Cc dd. Ee ff.", "tokens:6") == ["Aa bb. Cc dd.", "Ee ff."]
    assert texts("Aa bb. Cc dd. Ee ff.", "tokens:6/3") == ["Aa bb. Cc dd.", "Cc dd. Ee ff."]
    assert texts("one two three four five six", "tokens:4") == ["one two three four", "five six"]
    assert texts("x" * 20, "tokens:1") == ["x" * 8, "x" * 8, "xxxx"]


def test_headings_are_known() -> None:
    found = pieces(GUIDE, "headings:100")
    assert [(p.metadata["section"], p.page_content[:9]) for p in found] == [
        ("Pumps", "# Pumps\n\n"), ("Fuses", "## Fuses\n"), ("Boxes", "### Boxes"),
    ]  # fmt: skip
    assert {p.metadata["section"] for p in pieces(GUIDE, "sentences")} == {
        "Pumps",
        "Fuses",
        "Boxes",
    }
    assert "section" not in pieces(GUIDE, "sentences", source="a.txt")[0].metadata


def test_a_heading_is_no_chunk_of_its_own() -> None:
    assert texts("# A\n\nOne. Two.", "sentences") == ["# A\n\nOne.", "Two."]
    assert texts("# A\n\nOne.\n\nTwo.", "paragraphs") == ["# A\n\nOne.", "Two."]
    assert texts("# A", "sentences") == ["# A"]


def test_small_to_big() -> None:
    document = Document(page_content=GUIDE, metadata={"source": "a.md"}, id="x")
    found = list(split([document], Splitter.parse("sentences:1 in headings:100"), word_spans))
    four = next(piece for piece in found if piece.chunk.page_content.endswith("Four!"))
    assert four.parent is not None
    assert four.parent.page_content.startswith("## Fuses")
    start, end = four.parent.metadata["start"], four.parent.metadata["end"]
    assert GUIDE[start:end] == four.parent.page_content
    assert four.chunk.id is None  # several chunks cannot share one


def test_a_chunk_is_never_more_than_the_model_sees() -> None:
    long = "word " * 300 + "\n\n" + "short one. " * 50
    for spec in ("document", "paragraphs", "sentences:100", "tokens:256", "headings"):
        for text in texts(long, spec, most=40):
            assert len(word_spans(text)) <= 40


@given(
    st.text(alphabet="ab .!?\n#`é好", max_size=300),
    st.sampled_from(
        [
            "document",
            "paragraphs:2/1",
            "sentences:2",
            "tokens:5/2",
            "headings:6",
            "sentences in tokens:9",
        ]
    ),
)
def test_chunks_are_where_they_say_and_nothing_is_lost(text: str, spec: str) -> None:
    covered = set()
    for piece in pieces(text, spec, most=7):
        start, end = piece.metadata["start"], piece.metadata["end"]
        assert text[start:end] == piece.page_content != ""
        assert piece.page_content.strip() == piece.page_content
        covered |= set(range(start, end))
    assert all(text[i].isspace() for i in set(range(len(text))) - covered)


def test_langchains_splitters() -> None:
    splitter = RecursiveCharacterTextSplitter(chunk_size=30, chunk_overlap=10)
    found = pieces(GUIDE, splitter)
    assert len(found) > 3
    for piece in found:
        assert GUIDE[piece.metadata["start"] : piece.metadata["end"]] == piece.page_content

    class Shouting(RecursiveCharacterTextSplitter):
        def split_text(self, text: str) -> list[str]:
            return [text.upper()]

    with pytest.raises(ConfigError, match="Shouting changes the text"):
        pieces(GUIDE, Shouting())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sentences:0", "1 or more"),
        ("tokens:5/5", "cannot share 5"),
        ("sentence:2", "split into"),
        ("tokens:-3", "no splitter"),
        ("", "no splitter"),
        ("tokens:3 in", "no splitter"),
    ],
)
def test_no_splitter(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Splitter.parse(spec)


@pytest.mark.parametrize("spec", ["tokens:256/32", "document", "sentences:2 in tokens:400/10"])
def test_a_splitter_is_written_as_it_is_read(spec: str) -> None:
    assert str(Splitter.parse(spec)) == spec
