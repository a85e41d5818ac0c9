"""A stored session as Markdown, JSON or a Python script, and JSON back into a store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Literal

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agentlab.errors import ConfigError
from agentlab.session.naming import free_name
from agentlab.session.store import Store, Stored, body_of, check_name, message_of
from agentlab.session.tree import Node, Tree, Turn

Format = Literal["md", "json", "py"]
FORMATS = ("md", "json", "py")
_STATUSES = ("complete", "running", "stopped", "failed")


def export(name: str, format: Format = "md", store: Store | None = None) -> str:
    """The stored session ``name`` as text.

    ``md`` is for reading, and has the present branch; ``json`` has all branches and can be
    imported; ``py`` is a script that asks the same questions again.

    Raises:
        ConfigError: there is no such session or format.
    """
    writers: dict[str, Callable[[Stored], str]] = {"md": _markdown, "json": _json, "py": _python}
    if format not in writers:
        raise ConfigError(f"unknown format {format!r}, expected one of {', '.join(FORMATS)}")
    text = writers[format]((store or Store()).load(name))
    return text.encode("utf-8", "replace").decode()  # a model's half surrogate cannot be written


def import_json(text: str, name: str | None = None, store: Store | None = None) -> str:
    """Store the session in ``text``, JSON from :func:`export`, and return its name.

    ``name`` is the exported one by default; where it is taken, a number is added.

    Raises:
        ConfigError: ``text`` is no exported session.
    """
    store = store or Store()
    data = _parsed(text)
    wanted = name or str(data.get("name", "imported"))
    check_name(wanted)
    taken = store.names()
    if wanted in taken:
        wanted = free_name(wanted, taken)
    nodes, ids = _nodes(data)
    head = data.get("head")
    if head is not None and not (isinstance(head, str) and head in ids):
        raise ConfigError("the exported session's head is none of its messages")
    tree = Tree(nodes, ids.get(head) if head is not None else None)
    settings = data.get("settings")
    id = store.create(wanted, settings if isinstance(settings, dict) else {})
    store.write(id, nodes, tree, was=None)
    return wanted


def _json(stored: Stored) -> str:
    messages = [
        {
            "id": node.id,
            "parent": node.parent,
            "status": node.status,
            "error": node.error,
            "seconds": node.seconds,
            "created": node.created,
            "message": json.loads(body_of(node.message)),
        }
        for node in stored.tree.nodes.values()
    ]
    data = {
        "agentlab_session": 1,
        "name": stored.name,
        "created": stored.created,
        "settings": stored.settings,
        "head": stored.tree.head,
        "messages": messages,
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _markdown(stored: Stored) -> str:
    lines = [f"# {stored.name}", ""]
    system = stored.settings.get("system")
    if system:
        lines += [f"> {line}" for line in str(system).splitlines()] + [""]
    for turn in stored.tree.turns():
        lines += ["## User", "", turn.user.text, ""]
        for message in turn.answers:
            lines += _markdown_message(message)
        if turn.status != "complete":
            lines += [f"*{_why(turn)}*", ""]
    return "\n".join(lines)


def _markdown_message(message: BaseMessage) -> list[str]:
    lines = []
    if isinstance(message, ToolMessage):
        return [f"### Result of {message.name or 'a tool'}", "", *_fenced(message.text), ""]
    if message.text:
        lines += ["## Assistant", "", message.text, ""]
    for call in getattr(message, "tool_calls", []):
        arguments = json.dumps(call["args"], ensure_ascii=False, indent=2)
        lines += [f"### Call of {call['name']}", "", *_fenced(arguments, "json"), ""]
    return lines


def _fenced(text: str, language: str = "") -> list[str]:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", text, fence]


def _why(turn: Turn) -> str:
    if turn.status == "failed":
        return f"The answer failed: {turn.error}"
    return "The answer was stopped." if turn.status == "stopped" else "The answer is unfinished."


_SCRIPT = '''\
"""The session {name}, as a script: asks the same questions again."""

{imports}

{model}
{chat}
for question in {questions}:
    print(">", question)
    for token in chat.stream(question):
        print(token, end="", flush=True)
    print("\\n")
'''


def _python(stored: Stored) -> str:
    settings = stored.settings
    spec = settings.get("model") or "smollm2"
    parameters = settings.get("parameters")
    given = [f"{k}={v!r}" for k, v in (parameters or {}).items() if str(k).isidentifier()]
    model = f"model = load_model({', '.join([repr(spec), *given])})"
    if not settings.get("model"):
        model = f"# The session's own model has no name that load_model knows.\n{model}"
    prompt = settings.get("prompt")
    docs = settings.get("docs")
    target = f"load_prompt({prompt!r}) | model" if prompt else "model"
    if docs:
        given = [f"load_prompt({prompt!r})"] if prompt else []
        retriever = f"Index.open({docs!r}).as_retriever(k=4, mode='hybrid')"
        target = f"create_rag({', '.join(['model', retriever, *given])})"
    memory = settings.get("memory") or "buffer"
    arguments = [target, f"memory=parse_memory({memory!r}, model)"]
    if settings.get("system"):
        arguments.append(f"system={settings['system']!r}")
    names = ["Session", "load_model", *(["load_prompt"] if prompt else [])]
    imports = f"from agentlab import {', '.join(names)}\nfrom agentlab.memory import parse_memory"
    imports += "\nfrom agentlab.rag import Index, create_rag" if docs else ""
    questions = [turn.user.text for turn in stored.tree.turns()]
    listed = "".join(f"    {question!r},\n" for question in questions)
    return _SCRIPT.format(
        # In a docstring: printable, and without quotes or backslashes of its own.
        name="".join(c for c in stored.name if c.isprintable() and c not in '"\\'),
        imports=imports,
        model=model,
        chat=f"chat = Session({', '.join(arguments)})",
        questions=f"[\n{listed}]" if listed else "[]",
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"this is not JSON: {error}", hint="import what export made") from error
    if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
        raise ConfigError("this JSON is no exported session", hint="import what export made")
    if data.get("agentlab_session") != 1:
        raise ConfigError(
            f"this session is of format {data.get('agentlab_session')!r}, and 1 can be read",
            hint="use a newer AgentLab",
        )
    return data


def _nodes(data: dict[str, Any]) -> tuple[list[Node], dict[str, str]]:
    """The messages under fresh ids, and which id became which."""
    nodes: list[Node] = []
    ids: dict[str, str] = {}
    for number, entry in _in_order(data["messages"]):
        try:
            parent = entry.get("parent")
            node = Node(
                message=message_of(json.dumps(entry["message"])),
                parent=None if parent is None else ids[parent],
                status=_status(entry.get("status", "complete")),
                error=str(entry.get("error") or ""),
                seconds=None if entry.get("seconds") is None else _finite(entry["seconds"]),
                created=_finite(entry.get("created", 0.0)),
            )
            if isinstance(node.message, SystemMessage) or (
                node.parent is None and not isinstance(node.message, HumanMessage)
            ):
                raise ValueError("a conversation begins with a user message")
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise _unreadable(number, str(error)) from error
        ids[entry["id"]] = node.id
        nodes.append(node)
    return nodes, ids


def _unreadable(number: int, reason: str) -> ConfigError:
    return ConfigError(
        f"message {number} of the exported session cannot be read: {reason:.200}",
        hint="import what export made",
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no time")
    return number


def _status(value: Any) -> Any:
    if value not in _STATUSES:
        raise ValueError(f"unknown status {value!r}")
    return value


def _in_order(entries: list[Any]) -> list[tuple[int, dict[str, Any]]]:
    """``entries``, numbered, every parent before its children; what has no way to a root last."""
    children: dict[str | None, list[tuple[int, dict[str, Any]]]] = {}
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        id = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(id, str) or not isinstance(entry.get("parent"), str | None):
            raise _unreadable(number, "it has no id or a wrong parent")
        if id in seen:
            raise _unreadable(number, f"the id {id!r} is there twice")
        seen.add(id)
        children.setdefault(entry.get("parent"), []).append((number, entry))
    ordered = children.pop(None, [])
    for _, entry in ordered:  # grows as it goes
        ordered += children.pop(entry["id"], [])
    return ordered + [entry for rest in children.values() for entry in rest]
