"""Changes of the tool calls of a turn: one is gone, twice there, of another tool, with another
argument. The model's request and the tool's own step are changed together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentlab.recording import Step
from agentlab.scenarios.expectations.calls import ToolCall, all_calls
from agentlab.scenarios.mutation import texts
from agentlab.scenarios.mutation.values import other_number
from agentlab.scenarios.results import Run

MOST = 4  # calls of a turn that are changed
OTHER = "another_tool"

Change = tuple[str, str, list[Step]]


def changed(run: Run, first: int, last: int) -> Iterator[Change]:
    """What, in one line, and the steps of the turn between ``first`` and ``last`` instead."""
    steps = list(run.steps[first:last])
    calls = [call for call in all_calls(Run(run.turns, steps)) if call.made]
    names = list(dict.fromkeys(call.name for call in calls))
    for number, call in enumerate(calls[:MOST], start=1):
        where = f"call {number}, {call}"
        yield "call dropped", where, _edited(steps, call, lambda _: [])
        yield "call repeated", where, _edited(steps, call, lambda made: [made, made])
        name = next((n for n in names if n != call.name), OTHER)
        yield "another tool", f"{where} → {name}", _renamed(steps, call, name)
        for argument, value in call.args.items():
            new = _other(value)
            change = f"{where}: {argument} → {new!r}"
            yield "argument changed", change, _with_argument(steps, call, argument, new)
            break


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return other_number(value)
    if isinstance(value, str):
        return next((text for _, _, text in texts.numbers(value)), f"not {value}")
    return None


def _renamed(steps: Sequence[Step], call: ToolCall, name: str) -> list[Step]:
    def rename(made: Any) -> list[Any]:
        if isinstance(made, Step):
            request = dataclasses.replace(made.request, target=name)
            return [dataclasses.replace(made, request=request)]
        return [{**made, "name": name}]

    return _edited(steps, call, rename)


def _with_argument(steps: Sequence[Step], call: ToolCall, argument: str, new: Any) -> list[Step]:
    def change(made: Any) -> list[Any]:
        if isinstance(made, Step):
            parts = {**made.request.parts}
            parts["args"] = {**parts.get("args", {}), argument: new}
            request = dataclasses.replace(made.request, parts=parts)
            return [dataclasses.replace(made, request=request)]
        return [{**made, "args": {**made["args"], argument: new}}]

    return _edited(steps, call, change)


def _edited(steps: Sequence[Step], call: ToolCall, edit: Any) -> list[Step]:
    """``steps`` with what ``edit`` makes of the call's request and of its own step."""
    found: list[Step] = []
    for index, step in enumerate(steps):
        if call.asked is not None and call.asked[0] == index:
            found.append(_with_request(step, call.asked[1], edit))
        elif index == call.ran:
            found += edit(step)
        elif call.answered and step.kind == "model":
            found.append(_with_history(step, call, edit))
        else:
            found.append(step)
    return found


def _with_request(step: Step, position: int, edit: Any) -> Step:
    message = step.reply["message"]
    calls: list[Any] = []
    for index, requested in enumerate(message["tool_calls"]):
        calls += edit(requested) if index == position else [requested]
    return dataclasses.replace(
        step, reply={**step.reply, "message": {**message, "tool_calls": calls}}
    )


def _with_history(step: Step, call: ToolCall, edit: Any) -> Step:
    """A later request: a call that ran live is known by its place there only."""
    messages = []
    for mark, message in step.request.messages:
        if any(_same(made, call) for made in message.get("tool_calls", ())):
            calls: list[Any] = []
            for made in message["tool_calls"]:
                calls += edit(made) if _same(made, call) else [made]
            messages.append((f"{mark}~", {**message, "tool_calls": calls}))
        else:
            messages.append((mark, message))
    return dataclasses.replace(
        step, request=dataclasses.replace(step.request, messages=tuple(messages))
    )


def _same(made: Mapping[str, Any], call: ToolCall) -> bool:
    return made.get("id") == call.id and made["name"] == call.name and made["args"] == call.args
