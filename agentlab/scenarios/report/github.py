"""Markdown as GitHub shows it: a job summary, or a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentlab.safe_text import visible
from agentlab.scenarios.report import wording
from agentlab.scenarios.report.cleaning import cleaned_suite
from agentlab.scenarios.report.figures import figures, total
from agentlab.scenarios.report.terminal import scenario_text
from agentlab.scenarios.results import ScenarioResult, SuiteResult

_SIGNS = {
    "passed": "✅",
    "recorded": "🆕",
    "failed": "❌",
    "drift": "⚠️",
    "error": "❌",
    "skipped": "⏭️",
}
# Everything that Markdown or HTML could read as more than text, mentions and links included.
_SPECIAL = re.compile(r"[\\`*_{}\[\]()<>#+.!|~&@:$-]")
_MOST = 60_000  # GitHub takes comments of up to 65,536 characters


def markdown(suite: SuiteResult) -> str:
    """The report in GitHub's Markdown; text from outside cannot be read as markup.

    Details that would make it longer than GitHub takes are left out, and it says so.
    """
    suite = cleaned_suite(suite)
    parts = [f"### AgentLab: {wording.totals(suite)}\n", _table(suite)]
    size, left_out = sum(map(len, parts)), 0
    for result in suite.results:
        if result.ok and not result.warnings and not wording.survivors(result.mutation or {}):
            continue
        details = _details(result)
        if size + len(details) > _MOST:
            left_out += 1
            continue
        size += len(details)
        parts.append(details)
    if left_out:
        parts.append(f"{wording.count(left_out, 'scenario')} more: see the HTML report.\n")
    parts.append(f"{wording.summed(total(suite.results))}. {wording.PLUMBING}\n")
    return "\n".join(parts)


def _table(suite: SuiteResult) -> str:
    if not suite.results:
        return ""
    return "\n".join(_rows(suite)) + "\n"


def _rows(suite: SuiteResult) -> Iterator[str]:
    yield "| | scenario | calls | tokens | recorded |"
    yield "|---|---|---:|---:|---:|"
    size = 0
    for number, result in enumerate(suite.results):
        found = figures(result)
        label = f"{_SIGNS[result.status]} {wording.LABELS[result.status]}"
        numbers = f"{found.calls:,} | {found.tokens:,} | {wording.seconds(found.seconds)}"
        row = f"| {label} | {_text(result.name)} | {numbers} |"
        size += len(row)
        if size > _MOST // 2:
            yield f"| | … {len(suite.results) - number:,} more | | | |"
            return
        yield row


def _details(result: ScenarioResult) -> str:
    title = f"{wording.LABELS[result.status]} {_text(result.name)}"
    opened = " open" if not result.ok else ""
    body = _fenced(scenario_text(result), "text")
    return f"<details{opened}><summary>{title}</summary>\n\n{body}\n</details>\n"


def _fenced(text: str, language: str) -> str:
    """A code block; its fence is longer than any in ``text``."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def _text(text: str) -> str:
    """``text`` in one line, no sign of which is markup."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", " ".join(visible(text).split()))
