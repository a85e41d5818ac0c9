"""The plan of a run: a tree of what was done and why, as data, text and a Mermaid picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_LABEL = 80  # characters of a node's text in a picture


@dataclass(slots=True)
class Node:
    """A step of a plan, and those it led to.

    ``kind`` says what it is (``question``, ``rewrite``, ``search``, ``hop``, ``route``, …),
    ``text`` what was asked, ``note`` what came of it, ``found`` the ids of documents.
    """

    kind: str
    text: str
    note: str = ""
    found: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    def add(self, kind: str, text: str, note: str = "") -> Node:
        """A new last child."""
        child = Node(kind, text, note)
        self.children.append(child)
        return child

    def as_dict(self) -> dict[str, Any]:
        """The tree as plain values."""
        return {
            "kind": self.kind,
            "text": self.text,
            "note": self.note,
            "found": list(self.found),
            "children": [child.as_dict() for child in self.children],
        }


def as_text(plan: Mapping[str, Any]) -> str:
    """The tree of a plan, a line a node, indented by its depth."""
    return "\n".join("  " * depth + told(node) for depth, node in _walk(plan, 0))


def told(node: Mapping[str, Any]) -> str:
    """A node in one line: ``search: what was asked -> what came of it``."""
    said = f"{node['kind']}: {' '.join(str(node['text']).split())}"
    note = str(node["note"])
    if not note and node["found"]:
        note = f"{len(node['found'])} documents"
    return f"{said} -> {note}" if note else said


def as_mermaid(plan: Mapping[str, Any]) -> str:
    """The tree of a plan as a Mermaid flowchart, which GitHub and many editors draw.

    Texts are from outside: what could end a label or begin markup is written as its entity.
    """
    lines = ["flowchart TD"]
    stack: list[int] = []
    for number, (depth, node) in enumerate(_walk(plan, 0)):
        lines.append(f'  n{number}["{_label(node)}"]')
        del stack[depth:]
        if stack:
            lines.append(f"  n{stack[-1]} --> n{number}")
        stack.append(number)
    return "\n".join(lines)


def _walk(node: Mapping[str, Any], depth: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield depth, node
    for child in node["children"]:
        yield from _walk(child, depth + 1)


def _label(node: Mapping[str, Any]) -> str:
    text = told(node)
    cut = text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
    return "".join(c if c.isalnum() or c in " .,:;?!'-…/()" else f"#{ord(c)};" for c in cut)
