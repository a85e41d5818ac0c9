"""The documents that a run retrieved, and those that its answer cites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from agentlab.recording.codec import decode
from agentlab.scenarios.results import Run

_SECTIONS = ("section", "anchor", "span", "heading")
_MARK = re.compile(r"\[([^\[\]\n]{1,120})\](?!\()")
_REFERENCE = re.compile(r"\S+#\S+|\S+\.[A-Za-z]\w{0,4}")


@dataclass(frozen=True, slots=True)
class Document:
    """One document. ``names`` are what it may be called: its id, its source, ``source#section``."""

    text: str
    names: frozenset[str]
    label: str

    @classmethod
    def of(cls, raw: Any) -> Document:
        """From a mapping or a LangChain Document."""
        if not isinstance(raw, Mapping):
            raw = {"text": raw.page_content, "id": raw.id, "metadata": raw.metadata}
        text = str(raw.get("text") or raw.get("page_content") or "")
        names = list(dict.fromkeys(_names(raw)))
        return cls(text, frozenset(names), names[0] if names else text[:40])


def _names(raw: Mapping[str, Any]) -> Iterator[str]:
    metadata = raw.get("metadata")
    both = {**(metadata if isinstance(metadata, Mapping) else {}), **raw}
    for key in ("id", "doc", "span"):
        if isinstance(both.get(key), str | int):
            yield str(both[key])
    source = both.get("source")
    if not isinstance(source, str) or not source:
        return
    for place in (source, PurePosixPath(source.replace("\\", "/")).name):
        yield place
        for key in _SECTIONS:
            if isinstance(both.get(key), str) and both[key]:
                yield f"{place}#{both[key]}"
                yield f"{place}#{slug(both[key])}"


def slug(heading: str) -> str:
    """A heading as Markdown anchors have it: ``Reset the pump`` is ``reset-the-pump``."""
    return re.sub(r"[\s_]+", "-", re.sub(r"[^\w\s-]", "", heading.casefold()).strip())


def retrieved(run: Run) -> list[Document]:
    """The documents of the last turn, each once, in the order they were found."""
    if not run.turns:
        return []
    turn = run.turns[-1]
    raw: Iterable[Any] = turn.documents
    if not turn.documents:
        steps = run.steps[turn.first : turn.last]
        raw = (d for step in steps if step.kind == "retrieve" for d in _found(decode(step.reply)))
    return list(
        {(document.names, document.text): document for document in map(Document.of, raw)}.values()
    )


def _found(reply: Any) -> list[Any]:
    return [d for d in reply if hasattr(d, "page_content")] if isinstance(reply, list) else []


@dataclass(frozen=True, slots=True)
class Citation:
    """What an answer refers to: as written, and the document it means where that was retrieved."""

    written: str
    names: frozenset[str]
    document: Document | None


def citations(run: Run) -> list[Citation]:
    """The answer's citations: those under ``citations`` of its value, else marks in its text.

    A mark is a number in brackets, counted from 1 in the order of retrieval, or the name of a
    document, as in ``[2]``, ``[1, 3]`` and ``[manual.md#reset-the-pump]``.
    """
    documents = retrieved(run)
    output = run.output
    listed = output.get("citations") if isinstance(output, Mapping) else None
    if isinstance(listed, list | tuple):
        return [_citation(item, documents) for item in listed]
    if run.text.lstrip().startswith("{"):  # JSON: its brackets are lists
        return []
    found = []
    for match in _MARK.finditer(run.text):
        for part in re.split(r"\s*[,;]\s*", match[1].strip()):
            if part.isdecimal() or _REFERENCE.fullmatch(part) or _named(part, documents):
                found.append(_citation(part, documents))
    return found


def _citation(raw: Any, documents: list[Document]) -> Citation:
    if isinstance(raw, Mapping) or hasattr(raw, "page_content"):
        own = Document.of(raw)
        match = next((d for d in documents if d.names & own.names), None)
        return Citation(own.label, own.names, match)
    written = str(raw).strip()
    match = _named(written, documents)
    if match is None and written.isdecimal() and 1 <= int(written[:9]) <= len(documents):
        match = documents[int(written) - 1]
    return Citation(written, frozenset({written}), match)


def _named(name: str, documents: list[Document]) -> Document | None:
    return next((document for document in documents if name in document.names), None)
