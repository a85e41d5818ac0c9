"""Checking the numbers and texts that a user gives as options."""

from __future__ import annotations

from typing import Any

from agentlab.errors import ConfigError


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number from ``least`` to ``most``.

    Raises:
        ConfigError: names the option.
    """
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if not fits or (most is not None and value > most):
        bound = f" to {most}" if most is not None else ""
        raise ConfigError(f"{name} must be a whole number from {least}{bound}, not {value!r}")


def check_number(
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    above: bool = False,
) -> None:
    """Refuse what is no number from ``least``, or ``above`` it, to ``most``.

    Raises:
        ConfigError: names the option.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if fits and least is not None:
        fits = value > least if above else value >= least
    if not fits or (most is not None and value > most):
        bounds = [f"above {least}" if above else f"at least {least}"] if least is not None else []
        bounds += [f"at most {most}"] if most is not None else []
        told = " and ".join(bounds) or "a number"
        raise ConfigError(f"{name} must be {told}, not {value!r}")


def check_text(name: str, value: Any, hint: str = "") -> None:
    """Refuse what is no text, or an empty one.

    Raises:
        ConfigError: names the option.
    """
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{name} must be a text, not {value!r}", hint=hint)
