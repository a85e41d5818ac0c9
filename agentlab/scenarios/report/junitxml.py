"""JUnit XML, as CI systems read it: a suite a file, a case a scenario."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET  # only written here, never read

from agentlab.scenarios.report import wording
from agentlab.scenarios.report.cleaning import cleaned_suite
from agentlab.scenarios.report.figures import figures, total
from agentlab.scenarios.report.terminal import scenario_text
from agentlab.scenarios.results import ScenarioResult, SuiteResult

# What XML 1.0 cannot hold: control characters, lone surrogates, two non-characters.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(suite: SuiteResult) -> str:
    """The report as JUnit XML.

    It keeps to the schema that Jenkins checks. ``time`` is the recorded time. A drift and an
    expectation that is not met are failures; one that could not be run to its end is an error.
    Characters that XML cannot hold are left out.
    """
    suite = cleaned_suite(suite)
    root = ET.Element("testsuites", {"name": "agentlab", **_counts(suite.results)})
    for file, results in groupby(suite.results, key=lambda result: result.file):
        _suite(root, file, list(results))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(root: ET.Element, file: str, results: Sequence[ScenarioResult]) -> None:
    element = ET.SubElement(
        root, "testsuite", {"name": _xml(file) or "scenarios", **_counts(results)}
    )
    skipped = sum(result.status == "skipped" for result in results)
    element.set("skipped", str(skipped))
    properties = ET.SubElement(element, "properties")
    ET.SubElement(properties, "property", {"name": "note", "value": wording.PLUMBING})
    for result in results:
        _case(element, result)


def _counts(results: Sequence[ScenarioResult]) -> dict[str, str]:
    statuses = [result.status for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(sum(status in ("failed", "drift") for status in statuses)),
        "errors": str(statuses.count("error")),
        "time": _time(total(results).seconds),
    }


def _case(parent: ET.Element, result: ScenarioResult) -> None:
    found = figures(result)
    case = ET.SubElement(
        parent,
        "testcase",
        {
            "name": _xml(result.name),
            "classname": _xml(result.file).removesuffix(".yaml").replace("/", "."),
            "time": _time(found.seconds),
        },
    )
    if result.status == "skipped":
        ET.SubElement(case, "skipped", {"message": _xml(result.hint or result.error)})
    elif not result.ok:
        tag = "error" if result.status == "error" else "failure"
        element = ET.SubElement(case, tag, {"type": result.status, "message": _message(result)})
        element.text = _xml(scenario_text(result))
    ET.SubElement(case, "system-out").text = _xml(_more(result))


def _more(result: ScenarioResult) -> str:
    """What schemas have no place for: they allow properties for a suite, not for a case."""
    lines = [f"{result.status}; mode {result.mode}; {wording.summed(figures(result))}"]
    if result.tags:
        lines.append(f"tags: {' '.join(result.tags)}")
    if result.mutation:
        lines.append(wording.noticed(result.mutation))
    if result.warnings and result.ok:
        lines.append(scenario_text(result))
    return "\n".join(lines)


def _message(result: ScenarioResult) -> str:
    if result.drift is not None:
        return _xml(f"{result.drift.what} {wording.where_drifted(result)}")
    if result.failures and result.status != "error":
        first, *others = result.failures
        more = f" and {len(others)} more" if others else ""
        said = first.message or f"expected {first.expected[:200]!r}, got {first.got[:200]!r}"
        return _xml(f"{first.path}: {said}{more}")
    return _xml(result.error)


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _xml(text: str) -> str:
    return _NOT_XML.sub("", text)
