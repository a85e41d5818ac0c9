"""``trajectory``: which tools were called, in what order, with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentlab.recording.hashing import canonical
from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Expectation,
    Matcher,
    Place,
    fields,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.calls import ToolCall, all_calls, made_calls
from agentlab.scenarios.expectations.diffs import MISSING, Pieces
from agentlab.scenarios.results import Failure, Run

ORDERS = ("exact", "in_order", "any_order", "subset")
KEYS = (*ORDERS, "never", "calls", "no_repeat")
_SILENT = CheckContext(explain=False)
_SAID = {
    "exact": "exactly the calls",
    "in_order": "in this order",
    "any_order": "in any order",
    "subset": "no calls but",
}


@dataclass(frozen=True)
class Wanted:
    """A tool, and matchers of arguments: those not named may be anything."""

    name: str
    args: Mapping[str, Matcher]

    def fits(self, call: ToolCall) -> bool:
        """Whether ``call`` is of this tool, with fitting arguments."""
        return call.name == self.name and all(
            not matcher.check(call.args.get(name, MISSING), _SILENT)
            for name, matcher in self.args.items()
        )

    def misses(self, call: ToolCall) -> list[tuple[str, Failure]]:
        """The arguments that do not fit, with how."""
        return [
            (name, failure)
            for name, matcher in self.args.items()
            for failure in matcher.check(call.args.get(name, MISSING), CheckContext())
        ]

    def __str__(self) -> str:
        if not self.args:
            return self.name
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.args.items())})"


@dataclass(frozen=True)
class Order(Check[Run]):
    """The calls are exactly those wanted, hold them in order, hold them, or are among them."""

    place: Place
    how: str
    wanted: tuple[Wanted, ...]

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        calls = made_calls(subject)
        missed = _FINDERS[self.how](self.wanted, calls)
        if missed is None:
            return []
        wanted, call, at = missed
        got = f"call {at + 1}: {call}" if call is not None else _told(calls)
        message = ""
        if wanted is not None and call is not None and wanted.name == call.name:
            message = "; ".join(
                f"{name}: expected {failure.expected}, got {failure.got}"
                for name, failure in wanted.misses(call)
            )
        elif wanted is not None:
            message = f"{wanted} is not called" + (" after that" if at and call is None else "")
        elif call is not None:
            message = f"{call.name} is not expected here"
        diff = _pieces(calls, at, wanted, call) if context.explain else ()
        return [Failure(str(self.place), str(self), got, message, diff)]

    def __str__(self) -> str:
        listed = ", ".join(str(wanted) for wanted in self.wanted) or "none"
        return f"{_SAID[self.how]}: {listed}"

    def evidence(self, subject: Run) -> str:
        return _told(made_calls(subject))


# The first thing that is not as wanted: (what was wanted, the call in its place, its position).
Missed = tuple[Wanted | None, ToolCall | None, int]


def _exact(wanted: Sequence[Wanted], calls: Sequence[ToolCall]) -> Missed | None:
    for index in range(max(len(wanted), len(calls))):
        want = wanted[index] if index < len(wanted) else None
        call = calls[index] if index < len(calls) else None
        if want is None or call is None or not want.fits(call):
            return want, call, index
    return None


def _in_order(wanted: Sequence[Wanted], calls: Sequence[ToolCall]) -> Missed | None:
    at = 0
    for want in wanted:
        found = next((i for i in range(at, len(calls)) if want.fits(calls[i])), None)
        if found is None:
            near = next((i for i in range(at, len(calls)) if calls[i].name == want.name), None)
            return (want, None, at) if near is None else (want, calls[near], near)
        at = found + 1
    return None


def _any_order(wanted: Sequence[Wanted], calls: Sequence[ToolCall]) -> Missed | None:
    """Each wanted call is another of the calls: a matching, since one call may fit several."""
    owner: dict[int, int] = {}

    def settle(want: int, tried: set[int]) -> bool:
        for index, call in enumerate(calls):
            if index in tried or not wanted[want].fits(call):
                continue
            tried.add(index)
            if index not in owner or settle(owner[index], tried):
                owner[index] = want
                return True
        return False

    for number, want in enumerate(wanted):
        if not settle(number, set()):
            free = (i for i, c in enumerate(calls) if i not in owner and c.name == want.name)
            near = next(free, None)
            return (want, None, 0) if near is None else (want, calls[near], near)
    return None


def _subset(wanted: Sequence[Wanted], calls: Sequence[ToolCall]) -> Missed | None:
    for index, call in enumerate(calls):
        if not any(want.fits(call) for want in wanted):
            named = [want for want in wanted if want.name == call.name]
            return (named[0] if named else None), call, index
    return None


_FINDERS = {"exact": _exact, "in_order": _in_order, "any_order": _any_order, "subset": _subset}


def _told(calls: Sequence[ToolCall], most: int = 8) -> str:
    if not calls:
        return "no calls"
    more = f", … {len(calls) - most} more" if len(calls) > most else ""
    return ", ".join(str(call) for call in calls[:most]) + more


def _pieces(
    calls: Sequence[ToolCall], at: int, wanted: Wanted | None, call: ToolCall | None
) -> Pieces:
    """The two calls before the first that is different, and that one."""
    before = calls[max(0, at - 2) : at]
    pieces = [("same", f"{c}\n") for c in before]
    if wanted is not None:
        pieces.append(("removed", str(wanted)))
    if call is not None:
        pieces.append(("added", str(call)))
    return tuple(pieces)


@dataclass(frozen=True)
class Never(Check[Run]):
    """A tool is neither called nor asked for."""

    place: Place
    wanted: Wanted

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        for number, call in enumerate(all_calls(subject)):
            if self.wanted.fits(call):
                message = "" if call.made else "it was asked for, and not carried out"
                got = f"call {number + 1}: {call}"
                return [Failure(str(self.place), str(self), got, message, (("added", str(call)),))]
        return []

    def __str__(self) -> str:
        return f"never {self.wanted}"


@dataclass(frozen=True)
class Count(Check[Run]):
    """A tool is called so many times."""

    place: Place
    name: str
    number: Matcher

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        calls = made_calls(subject)
        count = sum(call.name == self.name for call in calls)
        if not self.number.check(count, context):
            return []
        message = f"of {_told(calls)}" if context.explain else ""
        return [
            Failure(
                str(self.place), str(self), f"{count} {'call' if count == 1 else 'calls'}", message
            )
        ]

    def __str__(self) -> str:
        return f"calls of {self.name}: {self.number}"


@dataclass(frozen=True)
class NoRepeat(Check[Run]):
    """No call is made twice with the same arguments."""

    place: Place

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        seen: dict[tuple[str, str], int] = {}
        for number, call in enumerate(made_calls(subject), start=1):
            first = seen.setdefault((call.name, canonical(call.args)), number)
            if first != number:
                got = f"calls {first} and {number}: {call}"
                return [Failure(str(self.place), str(self), got, "", (("added", str(call)),))]
        return []

    def __str__(self) -> str:
        return "no call twice with the same arguments"


def compile_trajectory(raw: Any, place: Place, compiler: Compiler) -> list[Expectation]:
    """``trajectory: {in_order: [tool, {tool: {arg: matcher}}], never: […], …}``."""
    found: list[Expectation] = []
    for key, value in fields(raw, place, KEYS).items():
        where = place / key
        if key in ORDERS:
            if key in ("in_order", "any_order") and value == []:
                raise wrong(where, "expected a list of tools, got an empty list")
            found.append(Order(where, key, tuple(_listed(value, where, compiler))))
        elif key == "never":
            listed = _listed(value, where, compiler)
            if not listed:
                raise wrong(where, "expected a list of tools, got an empty list")
            found += [Never(where / i, wanted) for i, wanted in enumerate(listed)]
        elif key == "calls":
            if not isinstance(value, Mapping) or not value:
                raise wrong(where, f"expected a number for each tool, got {kind_of(value)}")
            for name, number in value.items():
                if isinstance(number, str | bool) or number is None:
                    raise wrong(where / str(name), f"expected a number, got {kind_of(number)}")
                matcher = compiler.matcher(number, where / str(name))
                found.append(Count(where / str(name), str(name), matcher))
        elif value is True:
            found.append(NoRepeat(where))
        else:
            raise wrong(where, f"expected true, got {kind_of(value)}", "leave it out otherwise")
    return found


def _listed(raw: Any, place: Place, compiler: Compiler) -> list[Wanted]:
    if not isinstance(raw, list):
        raise wrong(place, f"expected a list of tools, got {kind_of(raw)}")
    return [_wanted(item, place / i, compiler) for i, item in enumerate(raw)]


def _wanted(raw: Any, place: Place, compiler: Compiler) -> Wanted:
    if isinstance(raw, str) and raw:
        return Wanted(raw, {})
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise wrong(place, f"expected a tool or {{tool: {{argument: value}}}}, got {kind_of(raw)}")
    ((name, args),) = raw.items()
    if not isinstance(args, Mapping):
        raise wrong(place / str(name), f"expected arguments by name, got {kind_of(args)}")
    made = {str(k): _argument(v, place / str(name) / str(k), compiler) for k, v in args.items()}
    return Wanted(str(name), made)


def _argument(raw: Any, place: Place, compiler: Compiler) -> Matcher:
    from agentlab.scenarios.expectations.data import shape

    return shape(raw, place, compiler)
