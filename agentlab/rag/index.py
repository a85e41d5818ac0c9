"""``Index``: texts that can be searched, in a folder, as a LangChain vector store."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever

from agentlab.errors import ConfigError, StoreError
from agentlab.models.embeddings import load_embeddings
from agentlab.rag import building
from agentlab.rag.building import Report, Settings
from agentlab.rag.langchain_store import LangChainStore, documents_of
from agentlab.rag.preparing import Progress
from agentlab.rag.retriever import create_query, create_retriever
from agentlab.rag.search import Query, search
from agentlab.rag.snapshot import Snapshot
from agentlab.rag.store import Store
from agentlab.rag.tuned import read_tuned
from agentlab.rag.writer import Change

Paths: TypeAlias = str | Path | Iterable[str | Path]


class Index(LangChainStore):
    """Chunks of documents with their vectors and words, searched by meaning, by words, or both.

    Build one with :meth:`from_files`, :meth:`from_texts` or :meth:`from_documents`, open one with
    :meth:`open`. Every change makes a new build, which takes effect at once and as a whole; other
    processes go on with the one they opened until :meth:`refresh`.
    """

    def __init__(self, store: Store, settings: Settings, snapshot: Snapshot | None = None) -> None:
        self._store = store
        self._settings = settings
        self._snapshot = snapshot
        self._lock = threading.RLock()
        self.report = Report()

    # Making one

    @classmethod
    def from_files(
        cls,
        paths: Paths,
        embeddings: str | Embeddings = "bge-small",
        path: str | Path | None = None,
        *,
        replace: bool = False,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Index:
        """The index of these files. Where ``path`` holds one, only what changed is embedded.

        Args:
            paths: files, folders, patterns such as ``docs/**/*.md``. Files of an earlier build that
                are not among them are removed from it; texts added without a file stay.
            embeddings: as for :func:`agentlab.load_embeddings`.
            path: the folder of the index; a temporary one by default.
            replace: build anew in ``path``, whatever is there.
            progress: told while texts are embedded: how many are done, and how many there are.
            settings: ``splitter`` (``tokens:256/32`` by default; docs/rag.md), ``kind`` (``auto``,
                ``flat``, ``hnsw``, ``ivf``), ``language`` of the keyword search (``english``),
                ``titles`` (True: a chunk is searched with its title).

        Raises:
            ConfigError: a path names nothing, no file could be read, or ``path`` holds an index
                with other settings.
            CorruptStore: the index in ``path`` is damaged.
        """
        index = cls._at(path, embeddings, settings, replace=replace)
        index._add_files(paths, exact=True, fresh=replace, progress=progress)
        return index

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        embedding: str | Embeddings = "bge-small",
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        path: str | Path | None = None,
        replace: bool = False,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Index:
        """The index of these texts, each a chunk (see :meth:`from_documents`)."""
        documents = documents_of(texts, metadatas, ids)
        return cls.from_documents(
            documents, embedding, path=path, replace=replace, progress=progress, **settings
        )

    @classmethod
    def from_documents(
        cls,
        documents: Iterable[Document],
        embedding: str | Embeddings = "bge-small",
        *,
        path: str | Path | None = None,
        replace: bool = False,
        progress: Progress | None = None,
        **settings: Any,
    ) -> Index:
        """The index of LangChain documents, those of any loader. Where ``path`` holds one, they are
        added to it.

        Args:
            settings: as for :meth:`from_files`, but a document stays whole unless a ``splitter`` is
                given; of a long one the embeddings see the beginning.
        """
        settings = {"splitter": "document", **settings}
        index = cls._at(path, embedding, settings, replace=replace)
        index._add_documents(list(documents), fresh=replace, progress=progress)
        return index

    @classmethod
    def open(cls, path: str | Path, embeddings: str | Embeddings | None = None) -> Index:
        """The index in the folder ``path``, every file of it checked.

        Args:
            embeddings: those it was built with; needed where they are not one of
                :func:`agentlab.load_embeddings`.

        Raises:
            ConfigError: there is no index, or it was built with other embeddings.
            CorruptStore: it is damaged.
        """
        store = Store(Path(path).expanduser())
        build = store.open()
        if build is None:
            raise ConfigError(
                f"there is no index in {str(path)!r}",
                hint="build one with Index.from_files, or `agentlab index build PATHS -o DIR`",
            )
        settings = Settings.of_manifest(build.manifest, embeddings)
        return cls(store, settings, Snapshot(build))

    @classmethod
    def _at(
        cls,
        path: str | Path | None,
        embeddings: str | Embeddings,
        settings: dict[str, Any],
        *,
        replace: bool,
    ) -> Index:
        wanted = Settings.create(load_embeddings(embeddings), settings)
        if path is None:
            folder = Path(tempfile.mkdtemp(prefix="agentlab-index-"))
            index = cls(Store(folder), wanted)
            weakref.finalize(index, shutil.rmtree, folder, ignore_errors=True)
            return index
        store = Store(Path(path).expanduser())
        store.check_may_write()
        build = None if replace else store.open()
        if build is None:
            return cls(store, wanted)
        wanted.check_same(build.manifest, str(path))
        return cls(store, wanted, Snapshot(build))

    # What it is

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.path

    @property
    def embeddings(self) -> Embeddings:
        """What it was built with."""
        return self._settings.embeddings

    @property
    def info(self) -> dict[str, Any]:
        """What the manifest says: settings, counts, sizes in bytes."""
        manifest = dict(self._open().manifest)
        files = manifest.pop("files")
        return {
            **manifest,
            "files": len(self.files),
            "bytes": sum(f["size"] for f in files.values()),
        }

    @property
    def files(self) -> dict[str, str]:
        """The sha256 of the files that were read, by source."""
        return self._open().records.sources()

    @property
    def identity(self) -> dict[str, Any]:
        """Which index this is: its embeddings, its settings and the sum of its contents."""
        manifest = self._open().manifest
        embeddings = manifest["embeddings"]
        return {
            "embeddings": embeddings,
            **{k: manifest[k] for k in ("content", "titles", "language")},
        }

    @property
    def tuned(self) -> dict[str, Any]:
        """The options that ``agentlab tune`` found best: ``index.as_retriever(**index.tuned)``.

        Raises:
            ConfigError: the file that holds them is wrong.
        """
        return read_tuned(self.path)

    def __len__(self) -> int:
        """How many chunks there are."""
        return int(self._open().manifest["chunks"])

    def verify(self) -> None:
        """Compare every file with its sha256, now.

        Raises:
            CorruptStore: names the first file that is damaged.
        """
        build = self._store.open()
        if build is None:
            raise StoreError(f"the index {str(self.path)!r} is gone")
        snapshot = Snapshot(build)
        try:
            snapshot.check()
        finally:
            snapshot.close()

    def refresh(self) -> bool:
        """Take the newest build, which another process may have made; whether there was one."""
        with self._lock:
            build = self._store.open()
            if build is None:
                return False
            if self._snapshot is not None and self._snapshot.build.folder == build.folder:
                build.held.close()
                return False
            self._snapshot = Snapshot(build)
            return True

    # Changing it

    def add(
        self, documents: Iterable[str | Document], *, progress: Progress | None = None
    ) -> list[str]:
        """Add texts or documents, split as the index is; one with a known id is replaced.

        Returns the ids of their chunks.
        """
        whole = [d if isinstance(d, Document) else Document(page_content=d) for d in documents]
        return self._add_documents(whole, progress=progress)

    def add_files(self, paths: Paths, *, progress: Progress | None = None) -> Report:
        """Add files, or update those that changed; other files stay."""
        self._add_files(paths, exact=False, progress=progress)
        return self.report

    def delete(
        self,
        ids: Sequence[str] | None = None,
        *,
        source: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Remove chunks by their ids, or all of a file by its ``source``; whether there were any.

        Raises:
            ConfigError: neither was given.
        """
        if ids is None and source is None:
            raise ConfigError("delete needs ids=… or source=…", hint="what shall be deleted?")
        named = [ids] if isinstance(ids, str) else list(ids or ())
        sources = [source] if isinstance(source, str) else list(source or ())
        snapshot = self._open()
        if not building.holds(snapshot, named, sources):
            return False
        removed = self._write(Change(ids=named, sources=sources))
        self.report = Report(removed=removed)
        return removed > 0

    def _add_files(
        self, paths: Paths, *, exact: bool, fresh: bool = False, progress: Progress | None = None
    ) -> None:
        plan = building.plan_files(
            paths, self._settings, self._snapshot, exact=exact, progress=progress
        )
        plan.change.fresh = fresh
        if plan.is_empty and self._snapshot is not None:
            self.report = plan.report
            return
        removed = self._write(plan.change)
        self.report = plan.report
        self.report.removed = removed

    def _add_documents(
        self,
        documents: Sequence[Document],
        *,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> list[str]:
        pieces, ids = building.pieces_of(documents, self._settings)
        if not pieces and self._snapshot is not None:
            return []
        change, self.report = building.change_of(
            pieces, self._settings, self._snapshot, progress=progress
        )
        change.fresh = fresh
        self.report.removed = self._write(change)
        return ids

    def _write(self, change: Change) -> int:
        removed = building.write(self._store, self._settings, self._snapshot, change)
        self.refresh()
        return removed

    # Searching it

    def _open(self) -> Snapshot:
        with self._lock:
            if self._snapshot is None:
                self.refresh()
            assert self._snapshot is not None
            return self._snapshot

    def search(self, query: str, search_type: str = "similarity", **options: Any) -> list[Document]:
        """The documents that answer ``query`` best, ``score`` in their metadata.

        ``options`` are those of :meth:`as_retriever`. This call does not cross the boundary (the
        embeddings' does): a retriever's does.
        """
        return self._found(query, create_query({"search_type": search_type, **options}))

    def as_retriever(self, **options: Any) -> BaseRetriever:  # type: ignore[override]
        """A LangChain retriever, crossing the boundary.

        Args:
            k: how many documents (4).
            mode: ``dense`` (by meaning), ``keyword`` (BM25) or ``hybrid`` (both, fused).
            weights: of dense and keyword in ``hybrid`` (1, 0.25).
            fusion: ``ranks`` (reciprocal rank fusion) or ``scores``.
            filter: by metadata: a mapping (:mod:`agentlab.rag.filters`) or a function of it.
            threshold: leave out what is less fit, all of it if need be. It is compared with the
                reranker's score, the cosine in ``dense`` and ``hybrid``, BM25's in ``keyword``.
            mmr: from 1 (the most relevant) to 0 (the most different from one another).
            rerank: a reranker, its name, or True for the one in the box.
            rerank_depth: how many are reranked (10); the others are left out.
            rerank_weight: who orders them, from 1 (the reranker alone) to 0 (the search alone);
                by default both by half.
            depth: how many candidates are looked at (50, or 4 times ``k``).
            parents: give the larger pieces of small chunks (True).

        LangChain's ``search_type`` and ``search_kwargs`` are understood as well.

        Raises:
            ConfigError: an option is unknown or wrong.
        """
        return create_retriever(self, options)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The chunks with these ids, in this order; unknown ones are left out."""
        return self._open().records.by_ids(list(ids))

    def _found(self, text: str, query: Query) -> list[Document]:
        return search(self._open(), self.embeddings, text, query)
