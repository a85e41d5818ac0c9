"""The tool calls of a run, in the order they were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentlab.recording import Step
from agentlab.recording.hashing import canonical
from agentlab.scenarios.expectations.diffs import short, shown
from agentlab.scenarios.results import Run


@dataclass(slots=True)
class ToolCall:
    """One call. ``asked`` is (step, position) in a model's answer, ``ran`` the tool's own step.

    A call that code made itself was not asked for; one that was refused, or is no call but the
    form of a structured answer, did not run. ``answered`` says that a later request holds its
    result: so it is for tools that run live and are not recorded.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    asked: tuple[int, int] | None = None
    ran: int | None = None
    answered: bool = False
    id: str = ""

    @property
    def made(self) -> bool:
        """Whether it was carried out, or answered in the tool's place."""
        return self.ran is not None or self.answered

    def __str__(self) -> str:
        return said(self.name, self.args)


def said(name: str, args: Mapping[str, Any]) -> str:
    """``name(key=value, …)``, bounded."""
    inside = ", ".join(f"{key}={shown(value, 60)}" for key, value in args.items())
    return f"{name}({short(inside, 160)})"


def all_calls(run: Run) -> list[ToolCall]:
    """Every call that was asked for or made, asked-for ones at the place of their answer."""
    calls: list[ToolCall] = []
    waiting: list[ToolCall] = []
    for index, step in enumerate(run.steps):
        if step.kind == "model":
            found = [
                ToolCall(call["name"], _args(call), (index, i), id=str(call.get("id", "")))
                for i, call in enumerate(requested(step))
            ]
            calls += found
            waiting += found
        elif step.kind == "tool":
            args = step.request.parts.get("args", {})
            call = _taken(waiting, step.target, args)
            if call is None:
                call = ToolCall(step.target, args)
                calls.append(call)
            call.ran = index
    if waiting:
        answers = _answered(run)
        for call in waiting:
            call.answered = (call.id, call.name, canonical(call.args)) in answers
    return calls


def made_calls(run: Run) -> list[ToolCall]:
    """The calls that were carried out."""
    return [call for call in all_calls(run) if call.made]


def requested(step: Step) -> list[Mapping[str, Any]]:
    """The tool calls in the answer of a model's step."""
    message = step.reply.get("message") if isinstance(step.reply, dict) else None
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return list(calls or ())


def _args(call: Mapping[str, Any]) -> Mapping[str, Any]:
    args = call.get("args")
    return args if isinstance(args, Mapping) else {}


def _taken(waiting: list[ToolCall], name: str, args: Any) -> ToolCall | None:
    """The asked-for call that a tool's step carries out: the first alike, else the last so named.

    Arguments differ where a tool's schema fills in defaults or changes types.
    """
    named = [call for call in waiting if call.name == name]
    if not named:
        return None
    call = next((call for call in named if call.args == args), named[-1])
    waiting.remove(call)
    return call


def _answered(run: Run) -> set[tuple[str, str, str]]:
    """The calls for which some request holds a result, by id, name and arguments."""
    found: set[tuple[str, str, str]] = set()
    seen: dict[str, list[tuple[str, str, str]]] = {}
    for step in run.steps:
        if step.kind != "model":
            continue
        messages = step.request.messages
        results = {m["tool_call_id"] for _, m in messages if m.get("role") == "tool"}
        for mark, message in messages:
            if results and message.get("tool_calls"):
                if mark not in seen:
                    seen[mark] = [
                        (str(c.get("id", "")), c["name"], canonical(_args(c)))
                        for c in message["tool_calls"]
                    ]
                found.update(key for key in seen[mark] if key[0] in results)
    return found
