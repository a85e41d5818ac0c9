"""Subclasses, made on demand, whose calls cross the boundary: one template a LangChain kind."""

from __future__ import annotations

import copy
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar, cast

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool

from agentlab.boundary import Call, Kind, across, across_stream, cross, cross_stream

T = TypeVar("T")

# Of each kind: its base class, then method -> how it runs. A method is wrapped only where the
# class has its own: LangChain's default async methods call the sync ones, which cross already.
_METHODS: dict[Kind, tuple[type, dict[str, str]]] = {
    "model": (
        BaseChatModel,
        {
            "_generate": "sync",
            "_agenerate": "async",
            "_stream": "stream",
            "_astream": "astream",
        },
    ),
    "retrieve": (
        BaseRetriever,
        {"_get_relevant_documents": "sync", "_aget_relevant_documents": "async"},
    ),
    "tool": (BaseTool, {"_run": "sync", "_arun": "async"}),
    "embed": (
        Embeddings,
        {
            "embed_documents": "sync",
            "embed_query": "sync",
            "aembed_documents": "async",
            "aembed_query": "async",
        },
    ),
}


def crossing_of(obj: T) -> T:
    """See :func:`agentlab.boundary.recordable`."""
    kind = _kind_of(obj)
    if getattr(type(obj), "_agentlab_crossing", False):
        return obj
    other = copy.copy(obj)
    # pydantic's __setattr__ would look for a field; the layout of the subclass is the same.
    object.__setattr__(other, "__class__", _subclass(type(obj), kind))
    return other


def _kind_of(obj: Any) -> Kind:
    for kind, (base, _) in _METHODS.items():
        if isinstance(obj, base):
            return kind
    raise TypeError(
        f"{type(obj).__name__} does not cross the boundary: expected a LangChain chat model, "
        "embeddings, retriever or tool"
    )


@functools.cache
def _subclass(cls: type, kind: Kind) -> type:
    base, methods = _METHODS[kind]
    namespace: dict[str, Any] = {
        "_agentlab_crossing": True,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    for name, how in methods.items():
        own = getattr(cls, name)
        if own is not getattr(base, name, None):
            namespace[name] = _WRAPPERS[how](kind, name, own)
    # Pydantic would read the mark as a field without an annotation.
    namespace["__annotations__"] = {"_agentlab_crossing": "ClassVar[bool]"}
    return type(cls)(cls.__name__, (cls,), namespace)


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Positional arguments come under ``0``, ``1``, …; the run manager is plumbing, not input."""
    named = {str(i): value for i, value in enumerate(args)}
    named.update((k, v) for k, v in kwargs.items() if k not in ("run_manager", "config"))
    return named


def _sync(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = Call(kind, self, name, _arguments(args, kwargs))
        return cross(call, lambda: own(self, *args, **kwargs))

    return method


def _async(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = Call(kind, self, name, _arguments(args, kwargs))
        return await across(call, lambda: own(self, *args, **kwargs))

    return method


def _stream(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def method(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        call = Call(kind, self, name, _arguments(args, kwargs))
        yield from cross_stream(call, lambda: own(self, *args, **kwargs))

    return method


def _astream(kind: Kind, name: str, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    async def method(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        call = Call(kind, self, name, _arguments(args, kwargs))
        async for chunk in across_stream(call, lambda: own(self, *args, **kwargs)):
            yield chunk

    return cast(Callable[..., Any], method)


_WRAPPERS = {"sync": _sync, "async": _async, "stream": _stream, "astream": _astream}
