"""A run against judgements, and the run of a retriever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from agentlab.errors import EvaluationError
from agentlab.evaluation.judgements import Qrels, ranked
from agentlab.evaluation.measures import DEFAULT, parse_measure, unique
from agentlab.evaluation.report import Report

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.runnables import Runnable

    from agentlab.evaluation.judgements import Query

_FILES = ("file", "source", "path")


def evaluate_run(
    run: Mapping[str, Sequence[str] | Mapping[str, float]],
    qrels: Qrels,
    measures: Iterable[str] = DEFAULT,
) -> Report:
    """Measure ``run``: of each question its documents, best first, or their scores.

    Every judged question counts, as with ``trec_eval -c``: one that the run leaves out, or whose
    judgements name nothing relevant, has 0. Questions of the run without judgements are left out.

    Raises:
        EvaluationError: an unknown measure, or no question of the run is judged.
    """
    wanted = {str(m): m for m in map(parse_measure, measures)}
    rankings = {
        query: ranked(found) if isinstance(found, Mapping) else list(found)
        for query, found in run.items()
    }
    if not rankings.keys() & qrels.keys():
        raise EvaluationError(
            "no question of the run is in the judgements"
            f" (run: {_some(rankings)}; judgements: {_some(qrels)})"
        )
    values = {
        name: {query: measure(rankings.get(query, ()), qrels[query]) for query in qrels}
        for name, measure in wanted.items()
    }
    return Report(values, tuple(_notes(rankings, qrels)))


def _notes(rankings: Mapping[str, Sequence[str]], qrels: Qrels) -> Iterable[str]:
    missing = [query for query in qrels if query not in rankings]
    empty = [q for q, judged in qrels.items() if not any(g > 0 for g in judged.values())]
    unjudged = [query for query in rankings if query not in qrels]
    doubles = sum(len(found) - len(unique(found)) for found in rankings.values())
    if missing:
        yield f"{_questions(missing)} judged but not in the run, counted as 0: {_some(missing)}"
    if empty:
        yield f"{_questions(empty)} judged to have nothing relevant, counted as 0: {_some(empty)}"
    if unjudged:
        yield f"{_questions(unjudged)} without judgements, left out: {_some(unjudged)}"
    if doubles:
        yield f"{doubles} results that came twice for a question were taken once"


def _questions(found: Sequence[str]) -> str:
    return f"{len(found)} question{'s' if len(found) != 1 else ''}"


def _some(names: Iterable[str], most: int = 3) -> str:
    found = list(names)
    more = ", …" if len(found) > most else ""
    return ", ".join(map(repr, found[:most])) + more if found else "none"


@dataclass(frozen=True)
class Collected:
    """What a retriever found: its run, and the seconds that each question took."""

    run: dict[str, list[str]]
    seconds: dict[str, float]

    @property
    def seconds_per_question(self) -> float:
        """The median."""
        import statistics

        return statistics.median(self.seconds.values())


def collect(
    retriever: Runnable[str, list[Document]],
    queries: Mapping[str, Query],
    qrels: Qrels,
    progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """Ask ``retriever`` each judged question.

    A document is known by the ``id`` in its metadata where the judgements name such ids, else by
    its file (``file``, ``source`` or ``path``), of which the judgements may give the end:
    ``film/music.md`` for ``/data/film/music.md``. Pieces of one file count once, at the best place.

    Args:
        retriever: a LangChain retriever, or anything that gives documents for a text.
        queries: the questions by id.
        qrels: the judgements; only their questions are asked.
        progress: called after each question with how many are done, of how many.

    Raises:
        EvaluationError: no question is judged, or nothing found is named in the judgements.
    """
    asked = [query for query in queries.values() if query.id in qrels]
    if not asked:
        raise EvaluationError(
            f"no question is in the judgements (questions: {_some(queries)}; "
            f"judgements: {_some(qrels)})"
        )
    found: dict[str, list[Document]] = {}
    seconds: dict[str, float] = {}
    for done, query in enumerate(asked, 1):
        began = time.perf_counter()
        found[query.id] = retriever.invoke(query.text)
        seconds[query.id] = time.perf_counter() - began
        if progress is not None:
            progress(done, len(asked))
    return Collected(_named(found, qrels), seconds)


def _named(found: Mapping[str, Sequence[Document]], qrels: Qrels) -> dict[str, list[str]]:
    known = {document for judged in qrels.values() for document in judged}
    documents = [document for listed in found.values() for document in listed]
    for name in (_identifier, lambda document: _file(document, known)):
        if any(name(document) in known for document in documents):
            return {query: unique([name(d) for d in listed]) for query, listed in found.items()}
    if documents:
        raise EvaluationError(
            "nothing that was found is named in the judgements (found: "
            f"{_some(unique([_file(d, known) for d in documents]))}; judgements: {_some(known)})",
            hint="judgements name documents by their id or by their file's path in the index",
        )
    return {query: [] for query in found}


def _identifier(document: Document) -> str:
    identifier: Any = document.metadata.get("id", document.id)
    return "" if identifier is None else str(identifier)


def _file(document: Document, known: set[str]) -> str:
    """The document's file by the name that is judged; its own path, or its id, where none is."""
    given = next((str(document.metadata[f]) for f in _FILES if document.metadata.get(f)), "")
    parts = PurePath(given).parts
    ends = ("/".join(parts[at:]) for at in range(len(parts)))
    return next((end for end in (given, *ends) if end in known), given or _identifier(document))
