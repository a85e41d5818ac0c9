"""Values from the command line: ``--set name=text``, ``--set-json name=JSON``, ``--param``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentlab.errors import ConfigError


def read_values(texts: Sequence[str], jsons: Sequence[str]) -> dict[str, Any]:
    """The values of ``--set`` and ``--set-json``. ``@path`` reads a file, ``@@…`` is ``@…``.

    Raises:
        ConfigError: one has no ``=``, its file cannot be read, or is not JSON.
    """
    values: dict[str, Any] = {}
    for option in texts:
        name, value = _parted(option, "--set")
        values[name] = _text(value)
    for option in jsons:
        name, value = _parted(option, "--set-json")
        try:
            values[name] = json.loads(_text(value))
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"--set-json {name}: this is not JSON: {error}",
                hint=f"for a text, use --set {name}=…",
            ) from error
    return values


def read_params(options: Sequence[str]) -> dict[str, Any]:
    """The values of ``--param``: JSON where they are, else texts (``temperature=0``, ``x=abc``).

    Raises:
        ConfigError: one has no ``=``.
    """
    params: dict[str, Any] = {}
    for option in options:
        name, value = _parted(option, "--param")
        name = name.replace("-", "_")
        try:
            params[name] = json.loads(value)
        except (ValueError, RecursionError):
            params[name] = value
    return params


def read_input(
    given: str | None, values: Mapping[str, Any], variables: Sequence[str]
) -> str | dict[str, Any]:
    """What a chain that needs ``variables`` is given: ``values``, with ``given`` for the one left.

    ``given`` is a text, or ``-`` for stdin. With nothing given at all, stdin is read when it is
    not a terminal.

    Raises:
        ConfigError: ``given`` may stand for several variables, or stdin is not UTF-8.
    """
    if given == "-" or (given is None and not values and not sys.stdin.isatty()):
        text = _stdin()
        given = text if text or given == "-" else None
    if given is None:
        return dict(values)
    if not values:
        return given
    left = [name for name in variables if name not in values]
    if len(left) == 1:
        return {**values, left[0]: given}
    raise ConfigError(
        f"{given!r:.60} can't be given to one variable: "
        + (f"{', '.join(left)} are not set" if left else "all are set already"),
        hint="set each with --set name=value",
    )


def _parted(option: str, flag: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{flag} {option!r:.80} has no name=", hint=f"{flag} name=value")
    return name.strip(), value


def _text(value: str) -> str:
    if value.startswith("@@"):
        return value[1:]
    if not value.startswith("@"):
        return value
    path = Path(value[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{str(path)!r} is not UTF-8 text") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"{str(path)!r} cannot be read: {reason}",
            hint=f"to begin a text with @, write @@: @{value}",
        ) from error


def _stdin() -> str:
    try:
        return sys.stdin.read().rstrip("\n")
    except UnicodeDecodeError as error:
        raise ConfigError("stdin is not UTF-8 text") from error
