"""What kind of answer is asked for: how it is decoded, told to a model, and read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agentlab.errors import ConfigError, InvalidOutput

LONGEST_TEXT = 300  # characters, in decoding; other models' texts may be longer
_MARGIN = 16  # characters of a token
_TEXT = rf"[^\s\x00-\x1f][^\n\x00-\x1f]{{0,{LONGEST_TEXT - 1}}}"
_ANY_TEXT = r"[^\s\x00-\x1f][^\n\x00-\x1f]*"
# Thousands may be grouped, and a full stop may end it: a model that may not write the comma of
# 440,000 writes 440.000, and one that may not end after 13750. writes more digits.
_GROUPED = r"[1-9][0-9]{0,2}(,[0-9]{3}){1,%d}"
_MOST_DIGITS, _MOST_DECIMALS = 30, 15  # and in NUMBER_OF_JSON
_NUMBER = rf"-?([0-9]{{1,{_MOST_DIGITS}}}|{_GROUPED % 9})(\.[0-9]{{0,{_MOST_DECIMALS}}})?"
# What a schema lets through is read as it is: shorter in decoding, so that a number ends.
_ANY_NUMBER = rf"-?([0-9]{{1,60}}|{_GROUPED % 19})(\.[0-9]{{0,60}})?"
# The same as JSON has them: no zeros before the first digit.
NUMBER_OF_JSON = (
    rf"-?(0|[1-9][0-9]{{0,{_MOST_DIGITS - 1}}}|{_GROUPED % 9})(\.[0-9]{{0,{_MOST_DECIMALS}}})?"
)
ANY_NUMBER_OF_JSON = rf"-?(0|[1-9][0-9]{{0,59}}|{_GROUPED % 19})(\.[0-9]{{0,60}})?"


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """``pattern`` is the regular expression of the whole answer, ``schema`` its JSON schema.

    ``told`` says in words what is wanted. ``choices`` are those there are. ``reads`` is what a
    value that was not decoded under ``pattern`` may be, where that is more.
    """

    name: str
    pattern: str
    schema: dict[str, Any]
    told: str
    choices: tuple[str, ...] = ()
    reads: str = ""

    def read(self, value: Any) -> str:
        """The answer as text, checked.

        Raises:
            InvalidOutput: it is not of this kind.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            text = json.dumps(value)
        else:
            text = _digits(value) if isinstance(value, float) else str(value).strip()
        if self.name == "text":  # one line
            text = " ".join(text.split())
        if re.fullmatch(self.reads or self.pattern, text) is None:
            raise InvalidOutput(f"the answer {text[:80]!r} is not {self.told}", text=text)
        return self.normal(text)

    def is_full(self, text: str) -> bool:
        """Whether ``text``, decoded under ``pattern``, may have ended since it had no more room."""
        if self.name == "number":
            whole, _, decimals = text.lstrip("-").replace(",", "").partition(".")
            return len(whole) >= _MOST_DIGITS - 3 or len(decimals) >= _MOST_DECIMALS
        # The last token that would have fitted in may have been too long for it.
        return self.name == "text" and len(text) >= LONGEST_TEXT - _MARGIN

    def normal(self, text: str) -> str:
        """``text``, which is of this kind, in its usual spelling: of a number the digits alone."""
        text = text.strip()
        return text.replace(",", "").removesuffix(".") if self.name == "number" else text


def answer_kind(answer: str | Sequence[str] | re.Pattern[str]) -> AnswerKind:
    """``"text"`` (a line), ``"number"``, a compiled pattern, or a list of choices.

    Raises:
        ConfigError: it is none of them.
    """
    if answer == "text":
        schema = {"type": "string", "minLength": 1}
        return AnswerKind("text", _TEXT, schema, "the answer", (), _ANY_TEXT)
    if answer == "number":
        return AnswerKind(
            "number", _NUMBER, {"type": "number"}, "a number, without a unit", (), _ANY_NUMBER
        )
    if isinstance(answer, re.Pattern):
        pattern = with_flags(answer)
        schema = {"type": "string", "pattern": f"^(?:{answer.pattern})$"}
        if pattern != answer.pattern:  # JSON schemas know no flags; what comes is checked
            del schema["pattern"]
        return AnswerKind("regex", pattern, schema, f"a text that matches {pattern}")
    listed = isinstance(answer, list | tuple) and bool(answer)
    if not listed or not all(isinstance(a, str) and a for a in answer):
        raise ConfigError(
            f"an answer is 'text', 'number', a compiled pattern or a list of choices, "
            f"not {answer!r}"
        )
    pattern = "|".join(re.escape(choice) for choice in answer)
    told = f"one of {', '.join(answer)}"
    return AnswerKind(
        "choices", pattern, {"type": "string", "enum": list(answer)}, told, tuple(answer)
    )


def with_flags(pattern: re.Pattern[str]) -> str:
    """The text of ``pattern``, with its flags in it, as decoders know them too."""
    verbose = bool(pattern.flags & re.VERBOSE)
    named = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
    flags = "".join(name for name, flag in named.items() if pattern.flags & flag)
    # flags at its beginning, (?i), are among its flags as well, and may stand nowhere else
    before = r"\(\?[aiLmsux]+\)|\(\?#[^)]*\)" + (r"|\s|#[^\n]*\n" if verbose else "")
    text = re.sub(rf"\A(?:{before})+", "", pattern.pattern)
    if verbose:  # which decoders do not know
        return f"(?{flags}:{_compact(text)})"
    return f"(?{flags}:{text})" if flags else pattern.pattern


_PART_OF_VERBOSE = re.compile(
    r"(?P<kept>\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\(\?#[^)]*\)|\s+|#[^\n]*(?:\n|\Z)", re.DOTALL
)


def _compact(pattern: str) -> str:
    """A verbose ``pattern`` without its spaces and comments."""

    def written(found: re.Match[str]) -> str:
        if found["kept"]:
            return found["kept"]
        apart = re.search(r"\\\d{1,2}\Z", pattern[: found.start()])  # not \\10 of \\1 and 0
        return "(?:)" if apart and pattern[found.end() :][:1].isdigit() else ""

    return _PART_OF_VERBOSE.sub(written, pattern)


def _digits(value: float) -> str:
    """All digits of ``value``, and no exponent."""
    if value.is_integer():
        return str(int(value))
    return format(Decimal(repr(value)), "f")
