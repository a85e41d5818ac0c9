"""A chain's input: promoted from a bare string, and checked before any model is called."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Protocol

from agentlab.errors import ChainError, ConfigError, PromptError


class Asking(Protocol):
    """What is read of a chain here."""

    @property
    def steps(self) -> Mapping[str, Any]: ...

    def needed(self) -> dict[str, str]: ...


def checked(chain: Asking, input: Any) -> dict[str, Any]:
    """``input`` as a new dict that has all the chain's variables.

    Raises:
        ConfigError: it is neither a mapping nor a string, or a string for several variables.
        ChainError: it has a value under a step's name.
        PromptError: variables are missing; all are named.
    """
    needed = chain.needed()
    if isinstance(input, str):
        values = {_only(needed): input}
    elif isinstance(input, Mapping):
        values = dict(input)
    else:
        raise ConfigError(
            f"a chain's input is a dict or a string, not {type(input).__name__}",
            hint=f"it needs {_listed(needed)}" if needed else "",
        )
    for name in chain.steps:
        if name in values:
            raise ChainError(
                f"the input has a value for {name!r}, which is the name of a step",
                hint=f"rename the step or the input, or run the other steps with .only(…), "
                f"which take {name!r} as given",
            )
    missing = [name for name in needed if name not in values]
    if missing:
        raise PromptError(
            "; ".join(f"step {needed[name]!r} needs {name!r}" for name in missing)
            + ", which the input does not have",
            hint=_hint(missing, values, chain),
        )
    return values


def _only(needed: Mapping[str, str]) -> str:
    if len(needed) > 1:
        raise ConfigError(
            f"a string can stand for one variable, and this chain needs {_listed(needed)}",
            hint="give a dict",
        )
    return next(iter(needed), "input")


def _listed(names: Mapping[str, str] | list[str]) -> str:
    quoted = [repr(name) for name in names]
    return " and ".join(part for part in (", ".join(quoted[:-1]), quoted[-1]) if part)


def _hint(missing: list[str], values: Mapping[str, Any], chain: Asking) -> str:
    for name in missing:
        if near := get_close_matches(name, values, n=1):
            return f"the input has {near[0]!r}: is it {name!r}?"
    for name in missing:
        if name in chain.steps:
            return f"{name!r} is a step, but not one that comes before"
    return f"the input has {_listed(list(values))}" if values else "the input is empty"
