"""Changes of what an answer cites: swapped for another document, or gone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentlab.scenarios.expectations.documents import Citation, Document, citations, retrieved
from agentlab.scenarios.expectations.subjects import of_turn
from agentlab.scenarios.mutation.values import place_of, replaced
from agentlab.scenarios.results import Run

NOWHERE = "no-such-document"


def changed(run: Run, index: int) -> Iterator[tuple[str, str, str, Any]]:
    """What, in one line, the changed text and the changed value of the turn's answer."""
    alone = of_turn(run, index)
    cited = citations(alone)
    if not cited:
        return
    turn = run.turns[index]
    other = _other(cited, retrieved(alone), marks=not _listed(turn.output))
    swap = f"{cited[0].written} → {other}"
    gone = ", ".join(citation.written for citation in cited[:5])
    if _listed(turn.output):
        listed = turn.output["citations"]
        swapped = [_renamed(listed[0], other), *listed[1:]]
        yield "citation swapped", swap, turn.text, {**turn.output, "citations": swapped}
        yield "citations removed", gone, turn.text, {**turn.output, "citations": []}
        return
    whole = turn.output is None or isinstance(turn.output, str)
    place = () if whole else place_of(turn.output, turn.text)
    if place is None:  # the text was made from the value: there is nothing to change in it
        return
    for what, change, text in (
        ("citation swapped", swap, _swapped(turn.text, cited[0].written, other)),
        ("citations removed", gone, _removed(turn.text, cited)),
    ):
        yield what, change, text, replaced(turn.output, place, text)


def _listed(output: Any) -> bool:
    return isinstance(output, Mapping) and isinstance(output.get("citations"), list | tuple)


def _other(cited: Sequence[Citation], documents: Sequence[Document], *, marks: bool) -> str:
    """A document that was retrieved and is not cited; without one, a document that is not there."""
    used = {c.document.names for c in cited if c.document is not None}
    numbered = marks and cited[0].written.isdecimal()
    for number, document in enumerate(documents, start=1):
        if document.names not in used:
            return str(number) if numbered else document.label
    return str(len(documents) + 1) if numbered else NOWHERE


def _renamed(citation: Any, name: str) -> Any:
    if not isinstance(citation, Mapping):
        return name
    kept = {k: v for k, v in citation.items() if k not in ("doc", "span", "source", "metadata")}
    return {**kept, "id": name}


def _swapped(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<=[\[,; ]){re.escape(old)}(?=\s*[\],;])", lambda _: new, text, count=1)


def _removed(text: str, cited: Sequence[Citation]) -> str:
    names = "|".join(sorted({re.escape(c.written) for c in cited}, key=len, reverse=True))
    return re.sub(rf"\s*\[(?:(?:{names})\s*[,;]?\s*)+\]", "", text)
