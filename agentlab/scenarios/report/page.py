"""The report as one HTML page that asks nothing of any server.

The template, style and script beside this file are put into one page. Its content security policy
lets nothing else be loaded or run: the style and the script are named by their hashes. All text
from outside is escaped, and direction controls in it are made visible.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from agentlab.safe_text import visible
from agentlab.scenarios.report import wording
from agentlab.scenarios.report.plain import as_json
from agentlab.scenarios.report.timeline import about, answer, as_text, message_parts, with_timeline
from agentlab.scenarios.results import SuiteResult

if TYPE_CHECKING:
    from jinja2 import Template

_LONG_SIGNS, _LONG_LINES = 1_500, 30  # beyond, a text is folded away
_MOST_SIGNS = 200_000  # of one text; its recording has the rest


def html(suite: SuiteResult) -> str:
    """The report as a page: a table of the suite, then a part for each scenario.

    The same results give the same bytes.
    """
    report = as_json(suite)
    for scenario in report["scenarios"]:
        with_timeline(scenario)
    style, script = _data("page.css"), _data("page.js")
    return _template().render(
        report=report,
        totals=wording.totals(suite),
        labels=wording.LABELS,
        style=style,
        script=script,
        policy="; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


@functools.cache
def _template() -> Template:
    """The page's own template, trusted; what it shows is not, so everything is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "about": about,
        "answer": answer,
        "as_text": as_text,
        "count": wording.count,
        "is_long": _is_long,
        "message_parts": message_parts,
        "noticed": wording.noticed,
        "only": _only,
        "seconds": wording.seconds,
        "start": _start,
        "survivors": wording.survivors,
    }
    environment.globals["most"] = _MOST_SIGNS
    return environment.from_string(_data("page.html.jinja"))


def _data(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _harmless(value: Any) -> Any:
    return visible(value) if type(value) is str else value


def _is_long(text: str) -> bool:
    return len(text) > _LONG_SIGNS or text.count("\n") > _LONG_LINES


def _start(text: str, most: int = 100) -> str:
    """The beginning of ``text`` in one line."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[:most]}…"


def _only(pieces: list[list[str]], side: str) -> list[list[str]]:
    """The pieces of a diff that ``before`` or ``after`` has."""
    other = "added" if side == "before" else "removed"
    return [piece for piece in pieces if piece[0] != other]
