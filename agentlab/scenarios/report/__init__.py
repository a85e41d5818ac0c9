"""What a suite of scenarios came to: for terminals, browsers, CI systems and programs.

::

    terminal.py    a line a scenario, then what is wrong
    page.py        one self-contained HTML page, from page.html.jinja, page.css and page.js
    timeline.py    its steps, and what is new in each
    junitxml.py    JUnit XML
    github.py      Markdown, for a job summary or a comment on a pull request
    plain.py       plain values: the JSON report, and what the page is made of
    trajectory.py  the steps of a run beside what became of the recorded ones
    figures.py     calls, tokens and recorded seconds
    wording.py     the sentences that the reports share
    cleaning.py    no secret in any report

A report is made of recorded values only, so the same results give the same bytes on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentlab.scenarios.report.github import markdown as markdown
    from agentlab.scenarios.report.junitxml import junit as junit
    from agentlab.scenarios.report.page import html as html
    from agentlab.scenarios.report.plain import as_json as as_json
    from agentlab.scenarios.report.terminal import scenario_text as scenario_text
    from agentlab.scenarios.report.terminal import write_terminal as write_terminal

# One report is wanted at a time, and some need much that others do not.
_HOMES = {
    "as_json": "plain",
    "html": "page",
    "junit": "junitxml",
    "markdown": "github",
    "scenario_text": "terminal",
    "write_terminal": "terminal",
}
__all__ = ["as_json", "html", "junit", "markdown", "scenario_text", "write_terminal"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
