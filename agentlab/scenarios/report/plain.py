"""The results as plain values: the JSON report, and what the HTML page is made of.

Nothing in it depends on the machine or on how long a replay took. A message of a trajectory is
given once a scenario, by its hash: an agent sends its whole history at every step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentlab.recording import Scrubber
from agentlab.recording.codec import plain
from agentlab.recording.compare import outcome as outcome_text
from agentlab.recording.messages import CallIds, normal_form
from agentlab.scenarios.report import wording
from agentlab.scenarios.report.figures import Figures, figures, total
from agentlab.scenarios.report.trajectory import Row, trajectory
from agentlab.scenarios.results import Failure, ScenarioResult, SuiteResult, TurnRun

VERSION = 1
_NODE = ("kind", "text", "note")
_MOST_NODES = 500


def as_json(suite: SuiteResult) -> dict[str, Any]:
    """The whole suite as JSON values, secrets replaced.

    ``agentlab_report`` is the version of the format: keys are only added while it stays the same.
    """
    report = {
        "agentlab_report": VERSION,
        "ok": suite.ok,
        "counts": suite.counts(),
        "figures": _figures(total(suite.results)),
        "note": wording.PLUMBING,
        "scenarios": [Scrubber(result.redact).value(_scenario(result)) for result in suite.results],
    }
    cleaned: dict[str, Any] = Scrubber().value(report)
    return cleaned


def _scenario(result: ScenarioResult) -> dict[str, Any]:
    messages: dict[str, Any] = {}
    return {
        "id": result.id,
        "name": result.name,
        "file": result.file,
        "line": result.line,
        "status": result.status,
        "ok": result.ok,
        "mode": result.mode,
        "params": plain(result.params),
        "tags": list(result.tags),
        "figures": _figures(figures(result)),
        "replayed_calls": result.replayed_calls,
        "live_calls": result.live_calls,
        "failures": [_failure(failure) for failure in result.failures],
        "warnings": [_failure(failure) for failure in result.warnings],
        "error": result.error,
        "hint": result.hint,
        "drift": _drift(result),
        "mutation": plain(result.mutation),
        "turns": [_turn(turn) for turn in result.run.turns] if result.run is not None else [],
        "steps": _steps(result, messages),
        "messages": messages,
    }


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "calls": found.calls,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "recorded_seconds": round(found.seconds, 6),
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "path": failure.path,
        "expected": failure.expected,
        "got": failure.got,
        "message": failure.message,
        "diff": [[what, text] for what, text in failure.diff],
    }


def _drift(result: ScenarioResult) -> dict[str, Any] | None:
    if result.drift is None:
        return None
    steps = [{"what": what, "command": command} for what, command in wording.next_steps(result)]
    return {
        **result.drift.as_dict(),
        "turn": wording.turn_of(result),
        "place": wording.where_drifted(result),
        "goes_on": wording.going_on(result),
        "next": steps,
    }


def _turn(turn: TurnRun) -> dict[str, Any]:
    ids = CallIds()
    error = turn.error
    return {
        "input": plain(turn.input),
        "output": plain(turn.output),
        "text": turn.text,
        "first_step": turn.first + 1,
        "steps": turn.last - turn.first,
        "shown": [plain(normal_form(message, ids)) for message in turn.shown],
        "documents": [plain(document) for document in turn.documents],
        "citations": _citations(turn.output),
        "plan": _plan(turn.output),
        "chunks": len(turn.chunks),
        "error": f"{type(error).__name__}: {error}" if error is not None else "",
    }


def _citations(output: Any) -> list[Any]:
    """What an answer with sources cites: its key ``citations``."""
    found = output.get("citations") if isinstance(output, Mapping) else None
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        return []
    cited: list[Any] = plain(list(found))
    return cited


def _plan(output: Any) -> list[dict[str, Any]]:
    """The nodes of the plan by which documents were searched, each with its ``depth``."""
    nodes: list[dict[str, Any]] = []
    waiting = [(0, output.get("plan"))] if isinstance(output, Mapping) else []
    while waiting and len(nodes) < _MOST_NODES:
        depth, node = waiting.pop()
        if isinstance(node, Mapping) and all(isinstance(node.get(k), str) for k in _NODE):
            nodes.append({"depth": depth, **{name: node[name] for name in _NODE}})
            below = node.get("children")
            if isinstance(below, list):
                waiting += [(depth + 1, child) for child in reversed(below)]
    return nodes


def _steps(result: ScenarioResult, messages: dict[str, Any]) -> list[dict[str, Any]]:
    return [_step(number, row, messages) for number, row in enumerate(trajectory(result), 1)]


def _step(number: int, row: Row, messages: dict[str, Any]) -> dict[str, Any]:
    step = row.step
    shown: dict[str, Any] = {
        "step": number,
        "kind": row.kind,
        "target": row.target,
        "status": row.status,
        "turn": row.turn,
        "recorded_seconds": round(row.seconds, 6),
        "usage": plain(row.usage),
        "made": step is not None,
        "recorded": row.recorded,
    }
    if step is None:
        return shown
    messages.update(step.request.messages)
    shown["request"] = {
        "messages": [mark for mark, _ in step.request.messages],
        **{name: plain(value) for name, value in step.request.parts.items()},
    }
    shown["answer"] = "" if step.reply is None and step.error is None else outcome_text(step)
    shown["reply"] = step.reply
    shown["error"] = step.error
    shown["chunks"] = None if step.chunks is None else len(step.chunks)
    shown["parallel"] = step.group
    return shown
