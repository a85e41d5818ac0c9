"""Several answers of one request: together where the engine decodes so, else in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage
from langchain_core.runnables.config import ContextThreadPoolExecutor

from agentlab.models._gguf_reply import message_of

if TYPE_CHECKING:
    from agentlab.engine import Engine, Request


def answers(
    engine: Engine, requests: Sequence[Request], model: str, *, together: bool
) -> list[AIMessage]:
    """The answers to ``requests``, in their order."""

    def answer(request: Request) -> AIMessage:
        with closing(engine.generate(request)) as pieces:
            return message_of(list(pieces), request, model)

    if not together or len(requests) == 1:
        return [answer(request) for request in requests]
    with ContextThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(answer, requests))


async def aanswers(
    engine: Engine, requests: Sequence[Request], model: str, *, together: bool
) -> list[AIMessage]:
    """:func:`answers` for event loops."""

    async def answer(request: Request) -> AIMessage:
        async with aclosing(engine.agenerate(request)) as pieces:
            return message_of([piece async for piece in pieces], request, model)

    if not together:
        return [await answer(request) for request in requests]
    tasks = [asyncio.ensure_future(answer(request)) for request in requests]
    try:
        return list(await asyncio.gather(*tasks))
    finally:  # of the others, where one failed or the whole was cancelled
        for task in tasks:
            task.cancel()
