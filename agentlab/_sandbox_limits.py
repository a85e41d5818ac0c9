"""What a sandboxed template may use up: steps, characters, processor time.

Jinja's sandbox keeps a template from reaching Python, not from taking all memory or time. What
repeats (loops, calls, filters, tests) takes steps here, and what makes a long value is measured
before it is made.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from string import Formatter
from typing import Any

from jinja2 import TemplateRuntimeError
from jinja2.utils import Namespace

MAX_SOURCE = 256 * 1024  # characters of a template
MAX_VALUE = 8_000_000  # characters of one value: 2 million tokens, more than any context
MAX_TOTAL = 8 * MAX_VALUE  # characters made in one rendering
MAX_STEPS = 500_000
MAX_SECONDS = 5.0  # of this thread's processor time
MAX_BITS = 10_000  # of an integer
_ITEM = 8  # characters that an item of a container counts for at least

_PERCENT_WIDTH = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(?:\*|\d{4,}|\d*\.(?:\*|\d{4,}))")


class TemplateLimitError(TemplateRuntimeError):
    """A template wants more steps, text or time than it may have."""


class Budget:
    """What is left to one rendering."""

    __slots__ = ("_deadline", "_steps", "_total", "now")

    def __init__(self, now: datetime | None = None) -> None:
        self._steps = MAX_STEPS
        self._total = MAX_TOTAL
        self._deadline = time.thread_time() + MAX_SECONDS
        self.now = now

    def step(self, characters: int = 0) -> None:
        """Take one step that makes ``characters`` characters."""
        if characters > MAX_VALUE:
            raise TemplateLimitError(
                f"the template makes a text of more than {MAX_VALUE:,} characters"
            )
        self._steps -= 1
        self._total -= characters
        if self._steps < 0:
            raise TemplateLimitError(f"more than {MAX_STEPS:,} steps")
        if self._total < 0:
            raise TemplateLimitError(f"more than {MAX_TOTAL:,} characters of text in all")
        # The clock costs as much as ten steps.
        if self._steps % 16 == 0 and time.thread_time() > self._deadline:
            raise TemplateLimitError(f"more than {MAX_SECONDS:g} seconds")


_budget: ContextVar[Budget | None] = ContextVar("agentlab_template_budget", default=None)


@contextmanager
def budget(now: datetime | None = None) -> Iterator[Budget]:
    """A fresh budget for the block; ``now`` is the time that ``strftime_now`` tells."""
    fresh = Budget(now)
    token = _budget.set(fresh)
    try:
        yield fresh
    finally:
        _budget.reset(token)


def current() -> Budget:
    """The budget of the rendering that is going on."""
    found = _budget.get()
    if found is None:
        raise TemplateLimitError("a template is evaluated outside a rendering")
    return found


def step(characters: int = 0) -> None:
    """Take one step of the current budget."""
    current().step(characters)


def counted(items: Iterable[Any], characters: int) -> Iterator[Any]:
    """``items``, each one a step that writes ``characters`` characters of the template's text."""
    for item in items:
        step(characters)
        yield item


def weight(value: Any) -> int:
    """About how many characters ``value`` would be, written out.

    Walks containers, each item as often as it is reached: ``[x, x]`` nested forty times is a
    small object and a text of a terabyte.
    """
    if isinstance(value, str):
        return len(value)
    total = 0
    pending = [value]
    while pending:
        item = pending.pop()
        total += _ITEM
        if isinstance(item, (str, bytes)):
            total += len(item)
        elif isinstance(item, Mapping):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            pending.extend(item)
        elif isinstance(item, Namespace):
            raise TemplateLimitError("a namespace can't be part of a value")
        if total > MAX_VALUE or len(pending) > MAX_VALUE // _ITEM:
            raise TemplateLimitError(
                f"the template makes a value of more than {MAX_VALUE:,} characters"
            )
    return total


def weighed(value: Any) -> Any:
    """``value``, charged to the current budget."""
    step(weight(value))
    return value


def check_operator(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too long."""
    step()
    if operator == "+" and not isinstance(left, (int, float)):
        step(weight(left) + weight(right))
    elif operator == "*":
        for one, other in ((left, right), (right, left)):
            if isinstance(one, (str, bytes, list, tuple)) and isinstance(other, int):
                step(weight(one) * max(other, 0))
                return
        if isinstance(left, int) and isinstance(right, int):
            _check_bits(left.bit_length() + right.bit_length())
    elif operator == "**" and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * right)
    elif operator == "%" and isinstance(left, str):
        if _PERCENT_WIDTH.search(left):
            raise TemplateLimitError("a field of more than 999 characters in a format")
        step(len(left) + (left.count("%") * (weight(right) + 1000)))


def check_method(text: str, method: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a call of a string's method whose result would be too long; the arguments to use."""
    if method == "replace" and len(arguments) >= 2:
        old, new = arguments[:2]
        if isinstance(old, str) and isinstance(new, str):
            step(len(text) + text.count(old) * len(new))
    elif method == "join" and len(arguments) == 1 and not isinstance(arguments[0], str):
        items = list(counted(arguments[0], 0))
        step(weight(items) + len(text) * len(items))
        return (items,)
    elif method == "join" and len(arguments) == 1:
        step(len(arguments[0]) * (len(text) + 1))
    return arguments


def check_format(text: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    """Refuse a ``str.format`` whose result would be too long."""
    fields = 0
    for _, field, spec, _ in Formatter().parse(text):
        if field is not None:
            fields += 1
        if spec and ("{" in spec or re.search(r"\d{4,}", spec)):
            raise TemplateLimitError("a field of more than 999 characters, or of a computed width")
    step(len(text) + fields * (weight(arguments) + weight(named) + 1000))


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise TemplateLimitError(f"an integer of more than {MAX_BITS:,} bits")
