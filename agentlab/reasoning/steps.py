"""What a program yields, and a program advanced by what is sent to it.

A program is a generator. It yields :class:`Ask` (one call), :class:`AskAll` (calls that do not
depend on each other, made together), :class:`Do` (work of our own that takes a while) and events
for whoever watches; it is sent what came of each, or the error; it returns the result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_core.runnables import Runnable

from agentlab.events import Event


@dataclass(frozen=True, slots=True)
class Ask:
    """Run ``runnable`` on ``input``; what it returns is sent back.

    With ``tell`` it is streamed: ``tell(chunk)`` gives the events of a chunk, and the sum of the
    chunks is sent back.
    """

    runnable: Runnable[Any, Any]
    input: Any
    tell: Callable[[Any], Iterator[Event]] | None = None


@dataclass(frozen=True, slots=True)
class AskAll:
    """Make all ``asks`` together, as one batch where they share a Runnable; a list is sent back.

    An error of one of the types ``tolerated`` stands in the list in its answer's place.
    """

    asks: tuple[Ask, ...]
    tolerated: tuple[type[Exception], ...] = ()


@dataclass(frozen=True, slots=True)
class Do:
    """Call ``work``, which takes a while and asks no model; a thread's in async runs."""

    work: Callable[[], Any]


Step: TypeAlias = Ask | AskAll | Do | Event
Program: TypeAlias = Generator[Step, Any, Any]


@dataclass(slots=True)
class Turns:
    """A program, advanced by what is put into ``reply`` or ``error``."""

    program: Program
    reply: Any = None
    error: Exception | None = None
    result: Any = None
    _begun: bool = field(default=False)

    def next(self) -> Step | None:
        """The next step; None at the end, with ``result`` set."""
        reply, error, self.reply, self.error = self.reply, self.error, None, None
        try:
            if error is not None:
                return self.program.throw(error)
            if not self._begun:
                self._begun = True
                return next(self.program)
            return self.program.send(reply)
        except StopIteration as ended:
            self.result = ended.value
            return None

    def close(self) -> None:
        self.program.close()
