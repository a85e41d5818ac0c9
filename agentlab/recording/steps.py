"""What a recording holds: one step for every call, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentlab.boundary import Kind
from agentlab.recording.hashing import canonical, digest, hash_text
from agentlab.recording.messages import Normal


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: all that makes two calls the same call.

    ``target`` names the model, tool or retriever. ``messages`` are (hash, normal form).
    ``parts`` are JSON values by name: ``tools``, ``sampler``, ``format``, ``args``, ``query``, …
    ``identity`` tells apart what one name may stand for (a file's sha256, a chat template's hash);
    it is compared where both sides know it, and is no part of the key.
    """

    kind: Kind
    target: str
    messages: tuple[tuple[str, Normal], ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""

    @classmethod
    def of(
        cls,
        kind: Kind,
        target: str,
        messages: Sequence[tuple[str, Normal]] = (),
        parts: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> Request:
        """A request with its key: the hash over the chain of its messages and over its parts."""
        parts = parts or {}
        head = canonical([kind, target, parts])
        key = hash_text(".".join((head, *(mark for mark, _ in messages))))
        return cls(kind, target, tuple(messages), parts, identity or {}, key)


def same_identity(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two identities agree in all that both know."""
    return all(one[name] == other[name] for name in one if name in other)


@dataclass(slots=True)
class Step:
    """One call and what came of it.

    Either ``reply`` (JSON, its shape by kind) or ``error`` is set. ``chunks`` are there for a
    streamed answer: numbers are pieces of plain text by length, mappings the others. ``closed``
    says that the reader of a stream went away before its end. ``group`` is 0 for calls made one
    after the other, else the number of the section of parallel branches. ``likelihood`` is that of
    the answer under its own request (``agree`` and ``mean``), where it was measured.
    """

    request: Request
    reply: Any = None
    error: dict[str, Any] | None = None
    chunks: list[Any] | None = None
    usage: dict[str, Any] | None = None
    latency: float = 0.0
    closed: bool = False
    group: int = 0
    likelihood: dict[str, float] | None = None

    @property
    def kind(self) -> Kind:
        """What was called."""
        return self.request.kind

    @property
    def target(self) -> str:
        """The name of the model, tool or retriever."""
        return self.request.target

    @property
    def outcome(self) -> str:
        """The hash of what came of it."""
        return digest([self.reply, self.error, self.chunks])


@dataclass(slots=True)
class Recording:
    """The steps of one run. ``meta`` is provenance: nothing in it is ever compared."""

    steps: list[Step] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    def chain(self) -> list[str]:
        """The chained hash after each step: equal up to the first step that differs."""
        links, last = [], ""
        for step in self.steps:
            last = digest([last, step.request.key, dict(step.request.identity)])
            links.append(last)
        return links
