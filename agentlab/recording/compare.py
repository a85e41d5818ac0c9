"""From two requests to what is different between them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agentlab.recording.drift import Change, What
from agentlab.recording.messages import Normal
from agentlab.recording.steps import Request, Step, same_identity
from agentlab.recording.words import word_diff

_PARTS: dict[str, What] = {
    "sampler": "sampler",
    "format": "grammar",
    "args": "tool arguments",
    "query": "query",
    "text": "texts",
    "texts": "texts",
}


def changes(old: Step, new: Request, earlier: Sequence[Step] = ()) -> tuple[Change, ...]:
    """What makes ``new`` another request than that of ``old``; ``earlier`` are the steps before.

    Never empty: requests that are the same differ in their place only.
    """
    request = old.request
    if request.kind != new.kind or (request.kind != "model" and request.target != new.target):
        before, after = describe(request), describe(new)
        return (Change("different call", "call", before, after),)
    found = list(_identity(request, new))
    found += _messages(request, new, earlier)
    found += _parts(request, new)
    return tuple(found) or (Change("call not recorded", "call", "", describe(new)),)


def _identity(old: Request, new: Request) -> Iterator[Change]:
    if old.target != new.target:
        yield _changed("model identity", "model", old.target, new.target)
    elif not same_identity(old.identity, new.identity):
        for name in sorted(old.identity.keys() & new.identity.keys()):
            if old.identity[name] != new.identity[name]:
                yield Change(
                    "model identity",
                    f"model {name}",
                    str(old.identity[name]),
                    str(new.identity[name]),
                )


def _messages(old: Request, new: Request, earlier: Sequence[Step]) -> Iterator[Change]:
    a, b = [mark for mark, _ in old.messages], [mark for mark, _ in new.messages]
    if a == b:
        return
    if sorted(a) == sorted(b):
        at = next(i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y)
        before, after = (", ".join(form["role"] for _, form in r.messages[at:]) for r in (old, new))
        yield Change("messages reordered", f"messages[{at}]", before, after)
        return
    for tag, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        pairs = min(j - i, m - k)
        for step in range(pairs):
            was, now = old.messages[i + step][1], new.messages[k + step][1]
            yield _edited(f"messages[{k + step}]", was, now, earlier)
        for index in range(i + pairs, j):
            form = old.messages[index][1]
            yield Change("message removed", f"messages[{index}] {form['role']}", _shown(form))
        for index in range(k + pairs, m):
            form = new.messages[index][1]
            where = f"messages[{index}] {form['role']}"
            yield Change("message inserted", where, after=_shown(form))


def _edited(place: str, before: Normal, after: Normal, earlier: Sequence[Step]) -> Change:
    where = f"{place} {after['role']}"
    old, new = _shown(before), _shown(after)
    if before["role"] != after["role"]:
        old, new = f"{before['role']}: {old}", f"{after['role']}: {new}"
        return _changed("message edited", where, old, new)
    what: What = {"system": "prompt edited", "tool": "tool result"}.get(
        after["role"], "message edited"
    )  # type: ignore[assignment]
    change = _changed(what, where, old, new)
    if what == "message edited" and _in_document(change, earlier):
        return replace(change, what="retrieved document")
    return change


def _in_document(change: Change, earlier: Sequence[Step]) -> bool:
    """Whether the first difference lies within a text that a retriever had found."""
    head = change.diff[0]
    place = len(head.text) if head.what == "same" else 0
    for text in _documents(earlier):
        start = change.before.find(text)
        while start >= 0:
            if start <= place <= start + len(text):
                return True
            start = change.before.find(text, start + 1)
    return False


def _documents(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.kind == "retrieve" and isinstance(step.reply, list):
            for document in step.reply:
                text = document["v"].get("text") if isinstance(document, dict) else None
                if isinstance(text, str) and text:
                    yield text


def _parts(old: Request, new: Request) -> Iterator[Change]:
    for name in sorted(old.parts.keys() | new.parts.keys()):
        before, after = old.parts.get(name), new.parts.get(name)
        if before == after:
            continue
        if name == "tools":
            yield from _tools(before or [], after or [])
        elif isinstance(before or {}, dict) and isinstance(after or {}, dict):
            yield from _fields(_PARTS.get(name, "input"), before or {}, after or {})
        else:
            yield _changed(_PARTS.get(name, "input"), name, _text(before), _text(after))


def _fields(what: What, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            old, new = (_text(side[field]) if field in side else "none" for side in (before, after))
            yield _changed(what, field, old, new)


def _tools(before: list[Any], after: list[Any]) -> Iterator[Change]:
    old, new = ({_tool_name(t): t for t in tools} for tools in (before, after))
    if list(old) != list(new):
        yield _changed("tool schema", "tools", ", ".join(old), ", ".join(new))
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield _changed("tool schema", f"tool {name}", _text(old[name]), _text(new[name]))


def _tool_name(tool: Any) -> str:
    inner = tool.get("function", tool) if isinstance(tool, dict) else tool
    return str(inner.get("name", inner)) if isinstance(inner, dict) else str(inner)


def answer_change(old: Step, new: Step) -> Change:
    """What is different in what came of the same request."""
    what: What = {"retrieve": "retrieved document", "tool": "tool result"}.get(old.kind, "answer")  # type: ignore[assignment]
    return _changed(what, f"{old.kind} {old.target}", outcome(old), outcome(new))


def _changed(what: What, where: str, before: str, after: str) -> Change:
    return Change(what, where, before, after, word_diff(before, after))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=None)


def _shown(form: Normal) -> str:
    text = _text(form["content"])
    calls = [_call(c["name"], c["args"]) for c in form.get("tool_calls", ())]
    return "\n".join([text, *calls] if text else calls)


def _call(name: str, args: Any) -> str:
    if isinstance(args, dict):
        return f"{name}({', '.join(f'{k}={_text(v)}' for k, v in args.items())})"
    return f"{name}({_text(args)})"


def describe(request: Request) -> str:
    """A request in one line."""
    if request.kind == "model":
        return f"model {request.target} with {len(request.messages)} messages"
    if request.kind == "tool":
        return f"tool {_call(request.target, request.parts.get('args', {}))}"
    detail = request.parts.get("query", "")
    return f"{request.kind} {request.target}" + (f" {_text(detail)!r}" if detail else "")


def outcome(step: Step) -> str:
    """What came of a step, as text."""
    if step.error is not None:
        return f"{step.error['type'].rpartition(':')[2]}: {step.error['text']}"
    if step.kind == "model":
        return _shown(step.reply["message"])
    if step.kind == "embed":
        nested = isinstance(step.reply, list) and isinstance(next(iter(step.reply), 0), dict | list)
        return f"{len(step.reply)} vectors" if nested else "a vector"
    if isinstance(step.reply, list):
        parts = [(d, d.get("v")) if isinstance(d, dict) else (d, None) for d in step.reply]
        texts = [v.get("text") if isinstance(v, dict) else d for d, v in parts]
        return "\n".join(_text(text) for text in texts)
    return _text(step.reply)


def essence(step: Step) -> Any:
    """What has to be the same when a call is made again: not metadata, ids or how it was cut."""
    if step.error is not None:
        return step.error["type"], step.error["text"]
    return step.reply["message"] if step.kind == "model" else step.reply
