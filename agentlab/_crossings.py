"""Subclasses, made on demand, whose calls cross the boundary: one template a LangChain kind."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar, cast

from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel

from agentlab import cancellation
from agentlab.boundary import Call, Kind, Reranker, across, across_stream, cross, cross_stream

T = TypeVar("T")

_MODEL = {
    "_generate": "sync",
    "_agenerate": "async",
    "_stream": "stream",
    "_astream": "astream",
}
# Which class crosses as what, and how its methods run. The asynchronous methods that LangChain
# derives from the sync ones are wrapped too: the call then crosses in its own task, not in a
# thread of the pool.
_METHODS: tuple[tuple[type, Kind, dict[str, str]], ...] = (
    (BaseChatModel, "model", _MODEL),
    (
        BaseRetriever,
        "retrieve",
        {"_get_relevant_documents": "sync", "_aget_relevant_documents": "async"},
    ),
    (BaseTool, "tool", {"_run": "sync", "_arun": "async"}),
    (
        Embeddings,
        "embed",
        {
            "embed_documents": "sync",
            "embed_query": "sync",
            "aembed_documents": "async",
            "aembed_query": "async",
        },
    ),
    (BaseCrossEncoder, "rerank", {"score": "sync"}),
    (
        BaseDocumentCompressor,
        "rerank",
        {"compress_documents": "sync", "acompress_documents": "async"},
    ),
    (Reranker, "rerank", {"rerank": "sync", "arerank": "async"}),
)
# A class that has none of its own must not seem to have one: LangChain looks before it chooses.
_ONLY_OWN: dict[str, tuple[tuple[type, str], ...]] = {
    "_stream": ((BaseChatModel, "_stream"),),
    "_astream": ((BaseChatModel, "_stream"), (BaseChatModel, "_astream")),
    "_arun": ((BaseTool, "_arun"),),
}
# LangChain prefers these to `_stream`, and no recorder could see them.
_HIDDEN = ("_stream_chat_model_events", "_astream_chat_model_events")
_BASES = {
    name: getattr(base, name)
    for base, _, methods in _METHODS
    for name in methods
    if hasattr(base, name)
}
_PLUMBING = frozenset({"run_manager", "config", "callbacks"})


def crossing_of(obj: T) -> T:
    """See :func:`agentlab.boundary.recordable`."""
    if getattr(type(obj), "_agentlab_crossing", False):
        return obj
    for base, kind, methods in _METHODS:
        if isinstance(obj, base):
            other = copy.copy(obj)
            # pydantic's __setattr__ would look for a field; the subclass has the same layout.
            cls: Any = type(obj)
            subclass = _subclass(cls, kind, tuple(methods.items()))
            object.__setattr__(other, "__class__", subclass)
            return other
    if isinstance(obj, Runnable):
        return cast(T, _parts(obj))
    raise TypeError(
        f"{type(obj).__name__} does not cross the boundary: expected a LangChain chat model, "
        "embeddings, retriever, reranker, tool or another Runnable"
    )


def _parts(value: Any) -> Any:
    """``value`` with everything inside it that can cross made to cross; itself if nothing can."""
    if isinstance(value, list | tuple):
        items = [_parts(item) for item in value]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return type(value)(items) if changed and type(value) in (list, tuple) else value
    if isinstance(value, dict):
        entries = {key: _parts(item) for key, item in value.items()}
        return entries if any(entries[k] is not value[k] for k in value) else value
    if isinstance(value, tuple(base for base, _, _ in _METHODS[:-1])):
        return crossing_of(value)
    if not (isinstance(value, Runnable) and isinstance(value, BaseModel)):
        return value
    fields = {name: getattr(value, name) for name in type(value).model_fields}
    changes = {k: new for k, v in fields.items() if (new := _parts(v)) is not v}
    return value.model_copy(update=changes) if changes else value


@functools.cache
def _subclass(cls: type, kind: Kind, methods: tuple[tuple[str, str], ...]) -> type:
    namespace: dict[str, Any] = {
        "_agentlab_crossing": True,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    # Pydantic would read the marks as private attributes.
    notes = {"_agentlab_crossing": "ClassVar[bool]"}
    for name, how in methods:
        own = getattr(cls, name, None)
        if own is None or not _has_own(cls, name):
            continue
        method = _WRAPPERS[how](kind, name, own)
        # LangChain looks at the signature at every call: it need not be worked out each time.
        method.__signature__ = inspect.signature(own)  # type: ignore[attr-defined]
        with contextlib.suppress(NameError, TypeError, AttributeError):  # nor compiled from text
            method.__annotations__ = typing.get_type_hints(own)
        namespace[name] = method
    if kind == "model":
        namespace["agenerate"] = _stoppable(cast(Any, cls).agenerate)
    for name in _HIDDEN:
        if getattr(cls, name, None) is not None:
            namespace[name] = None
            notes[name] = "ClassVar[Any]"
    settings: dict[str, Any] = {}
    if issubclass(cls, BaseModel):
        namespace["__annotations__"] = notes
        settings["defer_build"] = True  # the copies are not validated, so few need a validator
    else:
        namespace["__slots__"] = ()
    subclass: Any = type(cls)
    return cast(type, subclass(cls.__name__, (cls,), namespace, **settings))


def _stoppable(own: Callable[..., Any]) -> Callable[..., Any]:
    """LangChain's ``agenerate`` takes an error that is no ``Exception`` for an answer."""

    @functools.wraps(own)
    async def agenerate(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await own(self, *args, **kwargs)
        except AttributeError:
            cancellation.raise_if_cancelled()
            raise

    return agenerate


def _has_own(cls: type, name: str) -> bool:
    lookalikes = _ONLY_OWN.get(name)
    if lookalikes is None:
        return True
    return any(getattr(cls, method) is not getattr(base, method) for base, method in lookalikes)


def _positional(method: Callable[..., Any] | None) -> list[str]:
    if method is None:
        return []
    wanted = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in wanted]


def _arguments(own: Callable[..., Any]) -> Callable[[Any, Any], dict[str, Any]]:
    """A function that names the arguments of a call of ``own``; plumbing is not input."""
    # An override that takes `*args` is called as the method of LangChain's that it overrides.
    names = _positional(own) or _positional(_BASES.get(own.__name__))

    def named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        result = {
            names[i] if i < len(names) else str(i - len(names)): value
            for i, value in enumerate(args)
        }
        result.update(kwargs)
        return {name: value for name, value in result.items() if name not in _PLUMBING}

    return named


def _sync(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    named = _arguments(own)

    @functools.wraps(own)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = Call(kind, self, name, named(args, kwargs))
        return cross(call, lambda: own(self, *args, **kwargs))

    return method


def _async(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    named = _arguments(own)

    @functools.wraps(own)
    async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = Call(kind, self, name, named(args, kwargs))
        return await across(call, lambda: own(self, *args, **kwargs))

    return method


def _stream(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    named = _arguments(own)

    @functools.wraps(own)
    def method(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        call = Call(kind, self, name, named(args, kwargs))
        yield from cross_stream(call, lambda: own(self, *args, **kwargs))

    return method


def _astream(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    named = _arguments(own)

    @functools.wraps(own)
    async def method(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        call = Call(kind, self, name, named(args, kwargs))
        async for chunk in across_stream(call, lambda: own(self, *args, **kwargs)):
            yield chunk

    return cast(Callable[..., Any], method)


_WRAPPERS = {"sync": _sync, "async": _async, "stream": _stream, "astream": _astream}
