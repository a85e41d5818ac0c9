"""The tree that the parser builds and the evaluation walks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, or what a name stands for: a float where a float function took part."""

    value: Fraction | float


@dataclass(frozen=True, slots=True)
class Constant:
    """``pi`` or ``e``."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """``-operand``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Factorial:
    """``operand!``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Percent:
    """``operand%``: a hundredth of it, or a share of the left side after + and -."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right``, for + - * / // % ^."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Change:
    """``left + right%`` or ``left - right%``: ``left`` raised or lowered by a share of itself."""

    left: Node
    percent: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``, for < <= > >= = ≠. Only at the top."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """``name(arguments)``."""

    name: str
    arguments: tuple[Node, ...]


Node = Number | Constant | Negative | Factorial | Percent | Binary | Change | Call
