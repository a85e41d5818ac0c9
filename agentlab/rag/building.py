"""What a change of an index consists of: which files changed, and their chunks with vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import TextSplitter

from agentlab.errors import ConfigError
from agentlab.models.embeddings import load_embeddings, word_spans
from agentlab.rag import writer
from agentlab.rag.keyword import languages
from agentlab.rag.load import Skipped, load_files
from agentlab.rag.preparing import Progress, prepare, with_ids
from agentlab.rag.snapshot import Snapshot
from agentlab.rag.split import Piece, split
from agentlab.rag.splitter import Splitter
from agentlab.rag.store import Store
from agentlab.rag.vectors import chosen
from agentlab.rag.writer import Change, IndexSettings, same_embeddings

DEFAULT_SPLITTER = "tokens:256/32"
_KNOWN = ("splitter", "kind", "language", "titles")
_TITLE_TOKENS = 64  # left for a title and section in what the embeddings see


@dataclass(slots=True)
class Report:
    """What a change did. ``embedded`` counts texts; the vectors of the others were there."""

    files: int = 0
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    chunks: int = 0
    embedded: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What an index is built with."""

    embeddings: Embeddings
    splitter: Splitter | TextSplitter
    kind: str
    language: str
    titles: bool

    @classmethod
    def create(cls, embeddings: Embeddings, given: dict[str, Any]) -> Settings:
        """From the arguments of ``Index.from_files``.

        Raises:
            ConfigError: one is unknown or wrong.
        """
        from agentlab.models._parameters import check_parameters

        check_parameters(given, _KNOWN, "an index")
        splitter = given.get("splitter") or DEFAULT_SPLITTER
        if isinstance(splitter, str):
            splitter = Splitter.parse(splitter)
        if not isinstance(splitter, Splitter | TextSplitter):
            raise ConfigError(f"a {type(splitter).__name__} is no splitter")
        kind, language = given.get("kind", "auto"), given.get("language", "english")
        chosen(kind, 0)
        if language not in languages():
            raise ConfigError(
                f"there are no word endings known for {language!r}",
                hint=f"use {', '.join(languages())}",
            )
        return cls(embeddings, splitter, kind, language, bool(given.get("titles", True)))

    @classmethod
    def of_manifest(cls, manifest: dict[str, Any], embeddings: str | Embeddings | None) -> Settings:
        """Those that an index was built with.

        Raises:
            ConfigError: the embeddings are others, or must be given.
        """
        wanted = manifest["embeddings"]
        if embeddings is None:
            if not wanted.get("loadable"):
                raise ConfigError(
                    f"the index was built with {wanted['name']}, which must be given to open it",
                    hint="Index.open(path, embeddings=…)",
                )
            size = {k: wanted[k] for k in ("dimensions",) if k in wanted}
            embeddings = load_embeddings(wanted.get("spec", wanted["name"]), **size)
        loaded = load_embeddings(embeddings)
        _check_embeddings(wanted, identity_of(loaded))
        spec = manifest["splitter"]
        return cls(
            loaded,
            Splitter.parse(spec if not spec.startswith("langchain:") else "document"),
            manifest["asked_kind"],
            manifest["language"],
            manifest["titles"],
        )

    def stored(self) -> IndexSettings:
        """As they are kept."""
        splitter = (
            str(self.splitter)
            if isinstance(self.splitter, Splitter)
            else f"langchain:{type(self.splitter).__name__}"
        )
        return IndexSettings(
            identity_of(self.embeddings), splitter, self.kind, self.language, self.titles
        )

    def check_same(self, manifest: dict[str, Any], path: str) -> None:
        """Refuse to mix two ways of building.

        Raises:
            ConfigError: the index was built otherwise.
        """
        own = self.stored()
        _check_embeddings(manifest["embeddings"], own.embeddings)
        for name in ("splitter", "language", "titles"):
            if manifest[name] != getattr(own, name):
                raise ConfigError(
                    f"the index in {path!r} was built with {name}={manifest[name]!r}, "
                    f"not {getattr(own, name)!r}",
                    hint="name another folder, or build it anew: replace=True, --replace",
                )


def identity_of(embeddings: Embeddings) -> dict[str, Any]:
    """Which embeddings these are, for the manifest; ``loadable`` by their name alone, or not."""
    known = dict(getattr(embeddings, "identity", None) or {})
    if known.get("name"):
        spec = getattr(embeddings, "spec", None)
        return {**known, "loadable": True, **({"spec": spec} if spec else {})}
    kind = type(embeddings)
    return {"name": f"{kind.__module__}.{kind.__qualname__}", "loadable": False}


def _check_embeddings(wanted: dict[str, Any], given: dict[str, Any]) -> None:
    if not same_embeddings(wanted, given):
        what = "of another version" if wanted["name"] == given["name"] else given["name"]
        raise ConfigError(
            f"the index was built with the embeddings {wanted['name']}, not with {what}",
            hint="open it with those, or build it anew: replace=True, --replace",
        )


@dataclass(slots=True)
class Plan:
    """A change, and what will be told of it."""

    change: Change
    report: Report

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.change.chunks or self.change.sources or self.change.ids)


def plan_files(
    paths: str | Path | Iterable[str | Path],
    settings: Settings,
    base: Snapshot | None,
    *,
    exact: bool,
    progress: Progress | None,
) -> Plan:
    """What must change so that the index holds these files (with ``exact``, no others).

    Raises:
        ConfigError: a path names nothing, or no file could be read.
    """
    known = {} if base is None else base.records.sources()
    loaded = load_files(paths, known)
    if not loaded.digests and not loaded.unchanged:
        first = loaded.skipped[0] if loaded.skipped else None
        why = f": {first.source}: {first.reason}" if first else ""
        raise ConfigError(f"none of the files could be read{why}")
    pieces = with_ids(_split(loaded.documents, settings))
    chunks, embedded = prepare(
        pieces, settings.embeddings, base, titles=settings.titles, progress=progress
    )
    # A file that can no longer be read keeps what was read of it before.
    kept = {*loaded.digests, *loaded.unchanged, *(s.source for s in loaded.skipped)}
    gone = [s for s in known if s not in kept] if exact else []
    changed = [s for s in loaded.digests if s in known]
    change = Change(sources=[*gone, *changed], chunks=chunks, digests=loaded.digests)
    report = Report(
        files=len(loaded.digests),
        unchanged=len(loaded.unchanged),
        skipped=loaded.skipped,
        chunks=len(chunks),
        embedded=embedded,
    )
    return Plan(change, report)


def pieces_of(documents: Sequence[Document], settings: Settings) -> tuple[list[Piece], list[str]]:
    """The chunks of ``documents``, each once, and the ids of all, in order."""
    whole = settings.splitter == Splitter("document", 1)
    found = [Piece(d) for d in documents] if whole else list(_split(documents, settings))
    named = [with_ids([piece])[0] for piece in found]
    return with_ids(named), [str(piece.chunk.id) for piece in named]


def change_of(
    pieces: Sequence[Piece], settings: Settings, base: Snapshot | None, *, progress: Progress | None
) -> tuple[Change, Report]:
    """What adds ``pieces``, and what will be told of it.

    Raises:
        ConfigError: there are none.
    """
    if not pieces:
        raise ConfigError("there is nothing to index", hint="give one text at least")
    chunks, embedded = prepare(
        pieces, settings.embeddings, base, titles=settings.titles, progress=progress
    )
    return Change(chunks=chunks), Report(chunks=len(chunks), embedded=embedded)


def write(store: Store, settings: Settings, base: Snapshot | None, change: Change) -> int:
    """Apply ``change``; how many chunks were removed."""
    if change.chunks:
        dimensions = len(change.chunks[0].vector)
    else:
        assert base is not None
        dimensions = int(base.manifest["dimensions"])
    return writer.write(store, settings.stored(), dimensions, change)


def holds(snapshot: Snapshot, ids: Sequence[str], sources: Sequence[str]) -> bool:
    """Whether any chunk has one of these ids or sources."""
    if ids and snapshot.records.by_ids(ids):
        return True
    sql = "SELECT 1 FROM chunks WHERE source = ? LIMIT 1"
    return any(snapshot.records.query(sql, [source]) for source in sources)


def _split(documents: Sequence[Document], settings: Settings) -> Iterable[Piece]:
    embeddings = settings.embeddings
    most = getattr(embeddings, "max_tokens", None)
    spans = getattr(embeddings, "token_spans", word_spans)
    return split(
        documents,
        settings.splitter,
        spans,
        None if most is None else most - (_TITLE_TOKENS if settings.titles else 0),
    )
