"""Matchers of one text: equals, contains, icontains, startswith, regex, lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Matcher,
    Place,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.diffs import (
    Pieces,
    data_diff,
    difference_pieces,
    nearest,
    same,
    short,
    shown,
    text_diff,
)
from agentlab.scenarios.results import Failure

REGEX_SECONDS = 1.0


@dataclass(frozen=True)
class Equals(Check[Any]):
    """Exactly this value: text to the last space, numbers by value, mappings in any order."""

    place: Place
    expected: Any

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if isinstance(self.expected, str) and isinstance(subject, str):
            return self._text(subject, context)
        found = data_diff(self.expected, subject)
        if not found:
            return []
        message = ""
        if isinstance(subject, str) and subject == str(self.expected):
            message = "the answer is text: quote the value in the file"
        elif len(found) == 1 and found[0].path != "$":
            message = f"they differ at {found[0].path}"
        elif found[0].path != "$":
            message = f"they differ at {', '.join(d.path for d in found)}"
        expected, got = shown(self.expected), shown(subject)
        diff = difference_pieces(found) if context.explain else ()
        return [Failure(str(self.place), expected, got, message, diff)]

    def _text(self, subject: str, context: CheckContext) -> list[Failure]:
        if subject == self.expected:
            return []
        if not context.explain:
            return [Failure(str(self.place), "", "")]
        message = ""
        if subject.strip() == self.expected.strip():
            message = "they differ only in white space at their ends"
        elif subject.casefold() == self.expected.casefold():
            message = "they differ only in upper and lower case"
        diff = text_diff(self.expected, subject)
        return [Failure(str(self.place), shown(self.expected), shown(subject), message, diff)]

    def __str__(self) -> str:
        return shown(self.expected, 120)

    def evidence(self, subject: Any) -> str:
        return shown(subject)


Where = Literal["contains", "icontains", "startswith"]
_SAID = {"contains": "contains", "icontains": "contains (any case)", "startswith": "starts with"}


@dataclass(frozen=True)
class Contains(Check[Any]):
    """A text is in another, at its start or anywhere; or an element is in a list."""

    place: Place
    how: Where
    needle: Any

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if self._met(subject):
            return []
        if not context.explain:
            return [Failure(str(self.place), "", "")]
        message = ""
        diff: Pieces = ()
        if not isinstance(subject, str | list):
            message = f"{kind_of(subject)} is no text"
        elif isinstance(subject, str):
            needle = str(self.needle)
            if self.how == "startswith":
                diff = text_diff(needle, subject[: len(needle)])
            else:
                diff = nearest(needle, subject)
            if self.how == "contains" and needle.casefold() in subject.casefold():
                message = "it does in another case: icontains takes no notice of case"
        return [Failure(str(self.place), str(self), shown(subject), message, diff)]

    def _met(self, subject: Any) -> bool:
        if isinstance(subject, list | tuple) and self.how != "startswith":
            if self.how == "icontains" and isinstance(self.needle, str):
                folded = self.needle.casefold()
                return any(isinstance(s, str) and s.casefold() == folded for s in subject)
            return any(same(self.needle, item) for item in subject)
        if not isinstance(subject, str):
            return False
        needle = str(self.needle)
        if self.how == "icontains":
            return needle.casefold() in subject.casefold()
        return subject.startswith(needle) if self.how == "startswith" else needle in subject

    def __str__(self) -> str:
        return f"{_SAID[self.how]} {shown(self.needle, 120)}"

    def evidence(self, subject: Any) -> str:
        if not isinstance(subject, str):
            return shown(subject)
        at = subject.find(str(self.needle))
        if at < 0:
            at = subject.casefold().find(str(self.needle).casefold())
        return _excerpt(subject, at, at + len(str(self.needle)))


def _excerpt(text: str, start: int, end: int, around: int = 40) -> str:
    before = ("…" if start > around else "") + text[max(0, start - around) : start]
    after = text[end : end + around] + ("…" if len(text) > end + around else "")
    return shown(before + short(text[start:end]) + after)


@dataclass(frozen=True)
class Regex(Check[Any]):
    """A regular expression is found in a text, within a second."""

    place: Place
    pattern: Any

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if not isinstance(subject, str):
            message = f"{kind_of(subject)} is no text"
            return [Failure(str(self.place), str(self), shown(subject), message)]
        if self._search(subject) is not None:
            return []
        return [Failure(str(self.place), str(self), shown(subject))]

    def _search(self, text: str) -> Any:
        try:
            return self.pattern.search(text, timeout=REGEX_SECONDS)
        except TimeoutError as error:
            raise ScenarioError(
                f"{self.place}: the pattern {short(self.pattern.pattern, 80)!r} took longer than "
                f"{REGEX_SECONDS:g} s on a text of {len(text):,} characters",
                hint="simplify it: nested repetition such as (a+)+ can take forever",
            ) from error

    def __str__(self) -> str:
        return f"matches /{short(self.pattern.pattern, 120)}/"

    def evidence(self, subject: Any) -> str:
        found = self._search(subject)
        return _excerpt(subject, found.start(), found.end())


@dataclass(frozen=True)
class Lines(Check[Any]):
    """The lines of a text that are not blank: how many, or one matcher for each."""

    place: Place
    count: Matcher | None
    each: tuple[Matcher, ...] = ()

    def check(self, subject: Any, context: CheckContext) -> list[Failure]:
        if not isinstance(subject, str):
            message = f"{kind_of(subject)} is no text"
            return [Failure(str(self.place), str(self), shown(subject), message)]
        lines = [line.strip() for line in subject.splitlines() if line.strip()]
        if self.count is not None:
            failed = self.count.check(len(lines), context)
            got = f"{len(lines)} {'line' if len(lines) == 1 else 'lines'}"
            return [Failure(str(self.place), str(self), got)] if failed else []
        found = [
            failure
            for line, matcher in zip(lines, self.each, strict=False)
            for failure in matcher.check(line, context)
        ]
        if len(lines) != len(self.each):
            got = f"{len(lines)}: {shown(subject)}"
            found.append(Failure(str(self.place), f"{len(self.each)} lines", got))
        return found

    def __str__(self) -> str:
        if self.count is not None:
            return f"a number of lines: {self.count}"
        return "lines: " + ", ".join(str(matcher) for matcher in self.each)


def compile_equals(raw: Any, place: Place, compiler: Compiler) -> Matcher:
    """``equals: value``."""
    return Equals(place, raw)


def compile_contains(raw: Any, place: Place, compiler: Compiler, how: Where) -> list[Matcher]:
    """``contains: text``, or a list of texts that must all be there."""
    many = isinstance(raw, list) and how != "startswith"
    if many and not raw:
        raise wrong(place, "expected text or a list of texts, got an empty list")
    found: list[Matcher] = []
    for index, item in enumerate(raw if many else [raw]):
        where = place / index if many else place
        if isinstance(item, bool | float | Mapping | list) or item is None or item == "":
            kind = "empty text" if item == "" else kind_of(item)
            raise wrong(where, f"expected text, got {kind}", "quote it, if it is text")
        found.append(Contains(where, how, item))
    return found


def compile_regex(raw: Any, place: Place, compiler: Compiler) -> list[Matcher]:
    """``regex: pattern``, or a list of patterns that must all be found."""
    import regex

    many = isinstance(raw, list)
    if many and not raw:
        raise wrong(place, "expected a pattern or a list of patterns, got an empty list")
    found: list[Matcher] = []
    for index, item in enumerate(raw if many else [raw]):
        where = place / index if many else place
        if not isinstance(item, str):
            raise wrong(where, f"expected a regular expression, got {kind_of(item)}")
        try:
            found.append(Regex(where, regex.compile(item)))
        except (regex.error, RecursionError, OverflowError, ValueError) as error:
            raise wrong(
                where, f"not a regular expression: {error}", "in YAML, put patterns in '…'"
            ) from error
    return found


def compile_lines(raw: Any, place: Place, compiler: Compiler) -> Matcher:
    """``lines: count`` or ``lines: [matcher, …]``."""
    if isinstance(raw, list):
        each = (compiler.matcher(item, place / i) for i, item in enumerate(raw))
        return Lines(place, None, tuple(each))
    if isinstance(raw, str | bool) or raw is None:
        raise wrong(place, f"expected a number or a list with a matcher a line, got {kind_of(raw)}")
    return Lines(place, compiler.matcher(raw, place))
