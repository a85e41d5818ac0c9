"""Memories from text, as ``--memory`` takes them."""

from __future__ import annotations

import difflib

from langchain_core.language_models import BaseChatModel

from agentlab.errors import ConfigError
from agentlab.memory.base import BufferMemory, Memory
from agentlab.memory.summary import SummaryBufferMemory, SummaryMemory
from agentlab.memory.trimming import TokenMemory, WindowMemory

# Name -> an example with its argument, None where it takes none.
FORMS = {
    "buffer": None,
    "window": "window:4",
    "tokens": "tokens:2000",
    "summary": None,
    "summary_buffer": "summary_buffer:3",
}
_NEEDS_MODEL = ("tokens", "summary", "summary_buffer")
_ALL = "buffer, window:4, tokens:2000 (or tokens:50%), summary, summary_buffer:3"


def parse_memory(spec: str, model: BaseChatModel | None = None) -> Memory:
    """The memory that ``spec`` names; ``model`` counts its tokens and writes its summaries.

    ``buffer``, ``window:TURNS``, ``window:TURNS-MOST``, ``tokens:COUNT``, ``tokens:SHARE%``,
    ``summary``, ``summary_buffer:TURNS``. Without a number: 4 turns, half of the context, 3 turns.

    Raises:
        ConfigError: ``spec`` is none of these, its number is wrong, or it needs a model.
    """
    name, colon, argument = spec.strip().partition(":")
    name = name.strip().lower().replace("-", "_")
    argument = argument.strip()
    if name not in FORMS:
        near = difflib.get_close_matches(name, FORMS, n=1)
        raise ConfigError(
            f"unknown memory {spec!r}, expected one of {_ALL}",
            hint=f"did you mean {FORMS[near[0]] or near[0]!r}?" if near else "",
        )
    if colon and FORMS[name] is None:
        raise ConfigError(f"the memory {name!r} takes no number, not {argument!r}")
    if model is None and name in _NEEDS_MODEL:
        raise ConfigError(
            f"the memory {name!r} needs a model, and none was found",
            hint="give the chat model as the second argument",
        )
    match name:
        case "buffer":
            return BufferMemory()
        case "window":
            return _window(argument, spec) if colon else WindowMemory()
        case "tokens":
            assert model is not None
            return (
                _tokens(argument, spec, model) if colon else TokenMemory(fraction=0.5, model=model)
            )
        case "summary":
            assert model is not None
            return SummaryMemory(model)
        case _:
            assert model is not None
            return SummaryBufferMemory(model, keep_turns=_number(argument, spec) if colon else 3)


def _window(argument: str, spec: str) -> Memory:
    least, dash, most = argument.partition("-")
    return WindowMemory(_number(least, spec), _number(most, spec) if dash else None)


def _tokens(argument: str, spec: str, model: BaseChatModel) -> Memory:
    if not argument.endswith("%"):
        return TokenMemory(_number(argument, spec), model=model)
    try:
        share = float(argument[:-1]) / 100
    except ValueError:
        raise _wrong_number(argument, spec) from None
    return TokenMemory(fraction=share, model=model)


def _number(argument: str, spec: str) -> int:
    if not (argument.isascii() and argument.isdigit() and len(argument) < 10):
        raise _wrong_number(argument, spec)
    return int(argument)


def _wrong_number(argument: str, spec: str) -> ConfigError:
    return ConfigError(
        f"the memory {spec!r} needs a whole number after the colon, not {argument!r}",
        hint=f"the memories are {_ALL}",
    )
