"""No secret in any report: pages and logs of CI are read by many.

A replay has only what was scrubbed when it was recorded. A run that is being recorded still has
what its models and tools returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentlab.recording import Drift, Scrubber
from agentlab.recording.words import word_diff
from agentlab.scenarios.results import Failure, GoneOn, ScenarioResult, SuiteResult


def cleaned_suite(suite: SuiteResult) -> SuiteResult:
    """``suite`` with placeholders for secrets in all that the textual reports show."""
    return replace(suite, results=[cleaned(result) for result in suite.results])


def cleaned(result: ScenarioResult) -> ScenarioResult:
    """One result, likewise."""
    return _result(result, Scrubber(result.redact))


def _result(result: ScenarioResult, scrubber: Scrubber) -> ScenarioResult:
    return replace(
        result,
        failures=_failures(result.failures, scrubber),
        warnings=_failures(result.warnings, scrubber),
        drift=_drift(result.drift, scrubber) if result.drift else None,
        now=_gone_on(result.now, scrubber) if result.now else None,
        error=scrubber.text(result.error),
        hint=scrubber.text(result.hint),
        mutation=scrubber.value(dict(result.mutation)) if result.mutation else None,
    )


def _gone_on(now: GoneOn, scrubber: Scrubber) -> GoneOn:
    failures = _failures(now.failures, scrubber)
    text, error = scrubber.text(now.text), scrubber.text(now.error)
    return replace(now, text=text, failures=failures, error=error)


def _failures(failures: Sequence[Failure], scrubber: Scrubber) -> list[Failure]:
    return [_failure(failure, scrubber) for failure in failures]


def _failure(failure: Failure, scrubber: Scrubber) -> Failure:
    expected, got = scrubber.text(failure.expected), scrubber.text(failure.got)
    diff = failure.diff
    if diff and (expected, got) != (failure.expected, failure.got):
        diff = [(piece.what, piece.text) for piece in word_diff(expected, got)]
    return replace(
        failure, expected=expected, got=got, message=scrubber.text(failure.message), diff=diff
    )


def _drift(drift: Drift, scrubber: Scrubber) -> Drift:
    changes = []
    for change in drift.changes:
        before, after = scrubber.text(change.before), scrubber.text(change.after)
        if (before, after) != (change.before, change.after):
            diff = word_diff(before, after) if change.diff else ()
            change = replace(change, before=before, after=after, diff=diff)
        changes.append(change)
    return replace(drift, changes=tuple(changes), recorded=scrubber.text(drift.recorded))
