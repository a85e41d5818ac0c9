"""Letting LangChain's own ``astream_events`` and ``astream_log`` see a chain's chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, TypeVar, cast
from uuid import uuid4

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers._streaming import _StreamingCallbackHandler

T = TypeVar("T")


def tapped(config: RunnableConfig, chunks: Generator[T, None, None]) -> Generator[T, None, None]:
    """``chunks``, seen by whoever streams ``config``'s run; gives that run an id."""
    handler = _streaming_handler(config)
    if handler is None:
        return chunks
    return cast(Generator[T, None, None], handler.tap_output_iter(_run_id(config), chunks))


def atapped(config: RunnableConfig, chunks: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """:func:`tapped` for asynchronous chunks."""
    handler = _streaming_handler(config)
    if handler is None:
        return chunks
    return cast(AsyncGenerator[T, None], handler.tap_output_aiter(_run_id(config), chunks))


def _streaming_handler(config: RunnableConfig) -> Any:
    callbacks = config.get("callbacks") or []
    handlers = callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks
    return next((h for h in handlers if isinstance(h, _StreamingCallbackHandler)), None)


def _run_id(config: RunnableConfig) -> Any:
    if not config.get("run_id"):
        config["run_id"] = uuid4()
    return config["run_id"]
