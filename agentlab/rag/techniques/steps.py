"""What a technique asks for while it runs: answers of a model, searches, an agent's run.

A technique is a generator. It yields events, and lists of requests which are made at once; it is
sent what came of each. It does no input or output itself, so that one text of it runs sync and
async, alone and inside of another technique.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from langchain_core.documents import Document
from langchain_core.runnables import Runnable

from agentlab.errors import (
    AgentLabError,
    BudgetExceeded,
    ModelError,
    RecordedError,
    SecretFound,
    StepLimit,
    StoreError,
    ToolError,
)
from agentlab.events import Event, Retrieved

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler

    from agentlab.rag.techniques.control import Control

T = TypeVar("T")
# A recorded error is one of another library, whose type is not known here.
_SURVIVABLE = (ModelError, ToolError, StepLimit, BudgetExceeded, StoreError, RecordedError)


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks a model for a value of ``schema``, by the prompt ``prompt`` with ``values``."""

    control: Control
    prompt: str
    values: Mapping[str, Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """Searches ``retriever`` for ``query``."""

    retriever: Runnable[Any, Any]
    query: str


@dataclass(frozen=True, slots=True)
class Act:
    """Runs what is no retriever: an agent, a chain, a tool.

    ``tokens``: what it says is the answer, so its tokens are passed on. ``watch`` sees its calls.
    """

    runnable: Runnable[Any, Any]
    input: Any
    tokens: bool = False
    watch: BaseCallbackHandler | None = None


Request: TypeAlias = Ask | Look | Act
# A failed request is sent as its error.
Steps: TypeAlias = Generator[Event | Sequence[Request], Any, T]


def ask(
    control: Control, prompt: str, values: Mapping[str, Any], schema: Mapping[str, Any]
) -> Steps[Any]:
    """The value the model gives.

    Raises:
        ModelError: the model failed, or gave none.
    """
    return (yield from _one(Ask(control, prompt, values, schema)))


def look(retriever: Runnable[Any, Any], query: str) -> Steps[list[Document]]:
    """The documents that are found."""
    documents = yield from _one(Look(retriever, query))
    found = tuple({**d.metadata, "id": d.id, "text": d.page_content} for d in documents)
    yield Retrieved(query, found)
    return list(documents)


def act(
    runnable: Runnable[Any, Any],
    input: Any,
    *,
    tokens: bool = False,
    watch: BaseCallbackHandler | None = None,
) -> Steps[Any]:
    """What the run gives; its events are passed on, tokens where they are the answer's."""
    return (yield from _one(Act(runnable, input, tokens, watch)))


def _one(request: Request) -> Steps[Any]:
    (result,) = yield [request]
    if isinstance(result, BaseException):
        raise result
    return result


def together(parts: Sequence[Steps[T]]) -> Steps[list[T | Exception]]:
    """Run ``parts`` side by side: what they ask for in a round is asked at once.

    A part that fails has its error as its result; the others go on.
    """
    results: dict[int, T | Exception] = {}
    sent: dict[int, Any] = dict.fromkeys(range(len(parts)))
    try:
        while sent:
            asked: dict[int, Sequence[Request]] = {}
            for number, value in sent.items():
                try:
                    while isinstance(item := parts[number].send(value), Event):
                        yield item
                        value = None
                    asked[number] = item
                except StopIteration as end:
                    results[number] = end.value
                except Exception as error:
                    if not is_survivable(error):
                        raise
                    results[number] = error
            if not asked:
                break
            answers = iter((yield [request for requests in asked.values() for request in requests]))
            sent = {number: [next(answers) for _ in requests] for number, requests in asked.items()}
    finally:
        for part in parts:
            part.close()
    return [results[number] for number in range(len(parts))]


def is_survivable(error: Exception) -> bool:
    """Whether a run can do without what failed: not a wrong setting, a replay, or a stop."""
    if isinstance(error, SecretFound):
        return False
    return isinstance(error, _SURVIVABLE) or not isinstance(error, AgentLabError)
