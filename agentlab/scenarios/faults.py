"""Faults: what goes wrong in a run, decided by the place of a call and never by chance.

The handler stands outside the tape. A recording holds what really came, and a fault is made anew in
every replay: another fault changes what the code under test sees, and the recording tells.
"""

from __future__ import annotations

import datetime
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any

from agentlab.boundary import Call, Handler, enclosing
from agentlab.scenarios.results import Failure
from agentlab.scenarios.schema import Fault

_PLACES = {"model": "model", "retrieve": "retriever", "embed": "embed", "rerank": "rerank"}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Faults(Handler):
    """Applies ``faults`` to the calls they name, counting the calls of each place from 1.

    ``seconds`` is the virtual time that delays have added; the clock at the boundary shows it.
    Calls made inside of other calls are not counted, except those of ``live_tools``.
    """

    def __init__(self, faults: Sequence[Fault], live_tools: Collection[str] = ()) -> None:
        self.seconds = 0.0
        self._faults = list(faults)
        self._live = frozenset(live_tools)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._used: set[int] = set()
        self._last: dict[str, Any] = {}

    def unused(self) -> list[Failure]:
        """The faults whose place was never reached, as failures."""
        return [
            Failure(f"faults[{index}]", f"a call to {fault.at}", "no such call was made")
            for index, fault in enumerate(self._faults)
            if index not in self._used
        ]

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        """See :class:`~agentlab.boundary.Handler`."""
        if call.kind == "clock":
            return self._later(call, proceed())
        fault = self._next(call)
        instead = self._instead(fault, call)
        return instead[0] if instead else self._after(fault, call, proceed())

    async def acall(self, call: Call, proceed: Callable[[], Awaitable[Any]]) -> Any:
        """See :class:`~agentlab.boundary.Handler`."""
        if call.kind == "clock":
            return self._later(call, await proceed())
        fault = self._next(call)
        instead = self._instead(fault, call)
        return instead[0] if instead else self._after(fault, call, await proceed())

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """See :class:`~agentlab.boundary.Handler`."""
        fault = self._next(call)
        instead = self._instead(fault, call)
        if instead:
            yield from instead[0]
        elif self._passes(fault, call):
            yield from proceed()
        else:
            yield from self._after(fault, call, list(proceed()))

    async def astream(
        self, call: Call, proceed: Callable[[], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        """See :class:`~agentlab.boundary.Handler`."""
        fault = self._next(call)
        instead = self._instead(fault, call)
        if instead:
            for chunk in instead[0]:
                yield chunk
        elif self._passes(fault, call):
            async for chunk in proceed():
                yield chunk
        else:
            for chunk in self._after(fault, call, [chunk async for chunk in proceed()]):
                yield chunk

    def _next(self, call: Call) -> Fault | None:
        """Count ``call``; the fault that is to happen to it."""
        if call.kind == "clock" or any(self._hides(outer) for outer in enclosing()):
            return None
        place = _place(call)
        with self._lock:
            self._counts[place] += 1
            number = self._counts[place]
            for index, fault in enumerate(self._faults):
                at, _, start = fault.at.partition("#")
                first = int(start or 1)
                last = number if fault.times == "always" else first + fault.times - 1
                if at == place and first <= number <= last:
                    self._used.add(index)
                    return fault
        return None

    def _hides(self, outer: Call) -> bool:
        if outer.kind == "tool":
            return getattr(outer.target, "name", None) not in self._live
        return outer.kind != "clock"

    def _instead(self, fault: Fault | None, call: Call) -> tuple[Any] | None:
        """What comes in the call's place, if it is not to be made."""
        if fault is None:
            return None
        from agentlab.scenarios import damage

        if fault.delay is not None:
            unit = fault.delay.lstrip("0123456789.")
            with self._lock:
                self.seconds += float(fault.delay.removesuffix(unit)) * _SECONDS[unit]
        if fault.error is not None:
            raise damage.error(call, fault.error)
        if fault.action == "return":
            return (damage.returned(call, fault.returned),)
        return None

    def _passes(self, fault: Fault | None, call: Call) -> bool:
        """Whether a stream may come as it is; one that is changed or kept is read whole first."""
        return (fault is None or fault.action == "delay") and not self._kept(_place(call))

    def _kept(self, place: str) -> bool:
        """Whether a later call of ``place`` may be given this one's result."""
        return any(f.mutate == "stale" and f.at.partition("#")[0] == place for f in self._faults)

    def _after(self, fault: Fault | None, call: Call, result: Any) -> Any:
        place = _place(call)
        stale = self._last.get(place)
        if self._kept(place):
            self._last[place] = result
        if fault is None:
            return result
        from agentlab.scenarios import damage

        return damage.changed(call, fault, result, stale)

    def _later(self, call: Call, value: Any) -> Any:
        if call.method == "monotonic":
            return value + self.seconds
        if call.method == "now":
            return value + datetime.timedelta(seconds=self.seconds)
        return value


def _place(call: Call) -> str:
    if call.kind == "tool":
        return f"tool:{getattr(call.target, 'name', '')}"
    return _PLACES.get(call.kind, "")
