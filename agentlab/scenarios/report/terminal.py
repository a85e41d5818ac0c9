"""The report in a terminal: a line a scenario, then what is wrong and what to run next."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from agentlab.recording import Change, Drift
from agentlab.recording.words import Piece, marked
from agentlab.safe_text import visible
from agentlab.scenarios.report import wording
from agentlab.scenarios.report.cleaning import cleaned, cleaned_suite
from agentlab.scenarios.report.figures import figures, total
from agentlab.scenarios.results import Failure, ScenarioResult, SuiteResult

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_OF_STATUS = {
    "passed": "green",
    "recorded": "cyan",
    "failed": "red",
    "drift": "yellow",
    "error": "red",
    "skipped": "dim",
}
_MOST_LINES, _MOST_SIGNS = 8, 800  # of an expected or found text; the page has all of it
_LEAST_WIDTH = 40


class _Style:
    """Colours, where they are wanted. They repeat what the text says, and add nothing."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self._color and text else text


def write_terminal(
    suite: SuiteResult, write: Callable[[str], None], *, color: bool, width: int
) -> None:
    """Give the report to ``write``, line by line, each with its newline.

    With ``color`` lines hold ANSI codes: ``write`` must pass them on. Text from outside is made
    harmless for a terminal here. Lines are folded at ``width`` columns where they can be.
    """
    suite = cleaned_suite(suite)
    style, width = _Style(color), max(width, _LEAST_WIDTH)
    for line in _lines(suite, style, width):
        write(line.rstrip() + "\n")


def scenario_text(result: ScenarioResult) -> str:
    """All there is to say of one scenario, without colours: what a failed test shows."""
    result = cleaned(result)
    lines = _details(result, _Style(False), 100)
    return "\n".join(line.rstrip() for line in lines)


def _lines(suite: SuiteResult, style: _Style, width: int) -> Iterator[str]:
    yield from _table(suite.results, style, width)
    for result in suite.results:
        if not result.ok or result.warnings or wording.survivors(result.mutation or {}):
            yield ""
            yield from _details(result, style, width)
    if suite.results:
        yield ""
    said = wording.totals(suite)
    yield style("bold", said if suite.ok else style("red", said))
    if suite.results:
        replayed, live = (
            sum(getattr(result, name) for result in suite.results)
            for name in ("replayed_calls", "live_calls")
        )
        yield wording.summed(total(suite.results))
        yield f"{replayed:,} replayed, {live:,} made; {wording.seconds(suite.wall_seconds)} now"
        yield from (style("dim", line) for line in textwrap.wrap(wording.PLUMBING, width))


def _table(results: Sequence[ScenarioResult], style: _Style, width: int) -> Iterator[str]:
    rows = [(result, _cells(result)) for result in results]
    sizes = [max((_columns(cells[i]) for _, cells in rows), default=0) for i in range(4)]
    sizes[0] = min(sizes[0], max(width - sum(sizes[1:]) - 14, 16))
    last = None
    for result, cells in rows:
        if result.file != last:
            last = result.file
            yield style("dim", _one_line(result.file))
        label = style(_OF_STATUS[result.status], f"{wording.LABELS[result.status]:5}")
        name = cells[0] + " " * (sizes[0] - _columns(cells[0]))
        numbers = [f"{cell:>{size}}" for cell, size in zip(cells[1:], sizes[1:], strict=True)]
        yield f"  {label} {name}  {'  '.join(numbers)}"
        for note in _notes(result):
            yield f"        {style('yellow', note)}"
        if result.status == "skipped" and (result.hint or result.error):
            yield from _folded(result.hint or result.error, "        ", width)


def _notes(result: ScenarioResult) -> list[str]:
    notes = [wording.count(len(result.warnings), "warning")] if result.warnings else []
    return notes + ([wording.noticed(result.mutation)] if result.mutation else [])


def _cells(result: ScenarioResult) -> tuple[str, str, str, str]:
    found = figures(result)
    name = _one_line(result.name)
    if not found.calls:
        return name, "", "", ""
    read = wording.count(found.tokens, "token") if found.tokens else ""
    return name, wording.count(found.calls, "call"), read, wording.seconds(found.seconds)


def _columns(text: str) -> int:
    """The columns a text takes: East Asian wide signs take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(bool(unicodedata.combining(sign)) for sign in text)


def _details(result: ScenarioResult, style: _Style, width: int) -> Iterator[str]:
    label = style(_OF_STATUS[result.status], wording.LABELS[result.status])
    name = style("bold", _one_line(result.name))
    yield f"{label} {name}  {style('dim', _one_line(wording.place(result)))}"
    if result.drift is not None:
        yield from _drift(result, result.drift, style, width)
    elif result.error:
        yield from _folded(result.error, "    ", width)
    for failure in result.failures:
        yield from _failure(failure, style, width)
    for failure in result.warnings:
        yield f"  {style('yellow', 'warning')}"
        yield from _failure(failure, style, width)
    for survivor in wording.survivors(result.mutation or {}):
        yield from _folded(survivor, "  not noticed: ", width)
    if result.hint and result.drift is None:
        yield from _folded(result.hint, "    hint: ", width)


def _failure(failure: Failure, style: _Style, width: int) -> Iterator[str]:
    yield f"  {style('bold', _one_line(failure.path))}"
    if failure.message:
        yield from _folded(failure.message, "    ", width)
    for title, text, colour in (
        ("expected", failure.expected, "green"),
        ("got", failure.got, "red"),
    ):
        if text:
            yield from _block(f"    {title:9}", text, colour, style)
    if failure.diff:
        pieces = [Piece(what, text) for what, text in failure.diff]  # type: ignore[arg-type]
        yield from _folded(marked(pieces), "    diff     ", width)


def _block(lead: str, text: str, colour: str, style: _Style) -> Iterator[str]:
    shown = text[:_MOST_SIGNS].split("\n")[:_MOST_LINES]
    left = len(text) - len("\n".join(shown))
    for number, line in enumerate(shown):
        yield (lead if number == 0 else " " * len(lead)) + style(colour, visible(line))
    if left > 0:
        yield " " * len(lead) + style("dim", f"… {wording.count(left, 'more character')}")


def _drift(result: ScenarioResult, drift: Drift, style: _Style, width: int) -> Iterator[str]:
    behind = wording.stale(drift)
    yield f"  {_one_line(wording.where_drifted(result))}{f'; {behind}' if behind else ''}"
    for change in drift.changes:
        yield f"  {style('bold', _one_line(change.where))}  {style('yellow', change.what)}"
        yield from _folded(_said(change), "    ", width)
    if drift.recorded:
        yield from _folded(drift.recorded, "  recorded: ", width)
    likely = wording.likelihood(drift)
    if likely:
        yield from _folded(likely, "  likelihood now: ", width)
    if result.now is not None:
        yield from _folded(wording.going_on(result), "  goes on: ", width)
    steps = wording.next_steps(result)
    size = max(len(what) for what, _ in steps)
    for what, command in steps:
        yield f"  -> {what:{size}}  {style('cyan', _one_line(command))}"


def _said(change: Change) -> str:
    if change.diff:
        return marked(change.diff)
    if change.before and change.after:
        return f"{change.before} -> {change.after}"
    return change.before or change.after


def _one_line(text: str) -> str:
    """A name or a place, which must not begin a line of its own."""
    return " ".join(visible(text).split())


def _folded(text: str, lead: str, width: int) -> Iterator[str]:
    """``text`` in lines of ``width``; its words are never broken, so they can be copied."""
    indent = " " * len(lead)
    for number, line in enumerate(visible(text).split("\n")):
        first = lead if number == 0 else indent
        yield from textwrap.wrap(
            line,
            width,
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first]
