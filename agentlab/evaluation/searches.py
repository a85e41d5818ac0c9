"""An index, searched as :mod:`agentlab.evaluation.tuning` asks, with other splitters too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.evaluation.tuning import Options, Stage

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable

    from agentlab.evaluation.judgements import Qrels
    from agentlab.rag import Index

SPLITTERS = ("tokens:128/16", "tokens:256/32", "tokens:400/50", "sentences:3 in tokens:400")


class Searches:
    """Retrievers of ``index`` by their options. ``splitter`` among them means another index,
    ``technique`` that a model writes the queries.

    Args:
        k: how many results to ask for.
        model: writes the queries: a chat model or its spec.
        progress: told while texts are embedded: how many are done, and how many there are.
    """

    def __init__(
        self,
        index: Index,
        k: int = 10,
        progress: Callable[[int, int], None] | None = None,
        model: Any = None,
    ) -> None:
        self.index = index
        self.model = model
        self.k = k
        self._progress = progress
        self._others: dict[str, Index] = {}

    def __call__(self, options: Options) -> Runnable[str, list[Document]]:
        """A retriever.

        Raises:
            ConfigError: an option is wrong.
        """
        given = dict(options)
        splitter, technique = given.pop("splitter", None), given.pop("technique", None)
        index = self.index if splitter is None else self._split(splitter)
        retriever = index.as_retriever(k=self.k, **given)
        return retriever if technique is None else self._asked_by_model(technique, retriever)

    def _asked_by_model(self, technique: str, retriever: BaseRetriever) -> Runnable[Any, Any]:
        from agentlab.rag.techniques import multi_query, rewrite

        if technique == "rewrite":
            return rewrite(self.model, retriever)
        return multi_query(self.model, retriever, k=self.k, hyde=technique == "hyde")

    def _split(self, splitter: str) -> Index:
        """The index's files in a temporary index of their own."""
        from agentlab.rag import Index

        if splitter not in self._others:
            info = self.index.info
            self._others[splitter] = Index.from_files(
                sorted(self.index.files),
                self.index.embeddings,
                progress=self._progress,
                splitter=splitter,
                language=info["language"],
                titles=info["titles"],
            )
        return self._others[splitter]

    def rewriting_stage(self) -> Stage:
        """The stage in which the model writes queries; to be told only."""

        def variants(now: Options) -> Mapping[str, dict[str, Any]]:
            names = ("rewrite", "multi_query", "hyde")
            return {name: {**now, "technique": name} for name in names}

        return Stage("rewriting", variants, suggested=True)

    def splitter_stage(
        self, qrels: Qrels, splitters: Sequence[str] = SPLITTERS
    ) -> tuple[Stage | None, str]:
        """The stage that tries ``splitters``, or None and why they cannot be tried."""
        files = self.index.files
        gone = next((source for source in sorted(files) if not Path(source).is_file()), None)
        named = list({document for judged in qrels.values() for document in judged})
        if not files:
            return None, "the index holds texts without files"
        if gone is not None:
            return None, f"the file {gone!r} is not there (the paths are those it was built with)"
        if self.index.get_by_ids(named):
            return None, "the judgements name chunks, which another splitter would not make"
        own = self.index.info["splitter"]

        def variants(now: Options) -> Mapping[str, dict[str, Any]]:
            return {spec: {**now, "splitter": spec} for spec in splitters if spec != own}

        return Stage("splitter", variants, suggested=True), ""
