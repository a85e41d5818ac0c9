"""A tree of thoughts as data, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["open", "pruned", "chosen"]


@dataclass(slots=True, eq=False)
class Node:
    """A thought: what is added to those above it, how it was judged, and what follows from it.

    ``score`` is from 0 to 1, None where there is no verdict: of the problem itself, and of what the
    budget did not last for. ``state`` is ``pruned`` where it was given up, ``chosen`` on the way
    to the answer, else ``open``.
    """

    text: str
    depth: int = 0
    parent: Node | None = None
    score: float | None = None
    verdict: str = ""
    state: State = "open"
    children: list[Node] = field(default_factory=list)

    def path(self) -> list[Node]:
        """The thoughts from the first one to this; the root is none."""
        nodes: list[Node] = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]

    def walk(self) -> Iterator[Node]:
        """This node and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()

    def as_dict(self) -> dict[str, Any]:
        """The tree below as plain values."""
        return {
            "text": self.text,
            "score": None if self.score is None else round(self.score, 4),
            "verdict": self.verdict,
            "state": self.state,
            "children": [child.as_dict() for child in self.children],
        }


_SIGNS = {"open": " ", "pruned": "x", "chosen": "*"}


def as_text(tree: dict[str, Any], width: int = 90) -> str:
    """The tree ``result["tree"]`` drawn with lines; ``*`` is chosen, ``x`` given up."""
    lines = [_short(tree["text"], width)]

    def draw(children: list[dict[str, Any]], indent: str) -> None:
        for n, child in enumerate(children):
            last = n == len(children) - 1
            said = " ".join(part for part in (_number(child), child["verdict"]) if part)
            sign = _SIGNS[child["state"]]
            head = f"{indent}{'└─' if last else '├─'}{sign}[{said}] "
            lines.append(head + _short(child["text"], max(20, width - len(head))))
            draw(child["children"], indent + ("   " if last else "│  "))

    draw(tree["children"], "")
    return "\n".join(lines)


def as_mermaid(tree: dict[str, Any], width: int = 60) -> str:
    """The tree ``result["tree"]`` as a Mermaid flowchart (https://mermaid.js.org)."""
    lines = ["flowchart TD", f'  n0["{_label(tree["text"], width)}"]']
    classes: dict[str, list[str]] = {"chosen": [], "pruned": []}
    count = 0

    def draw(node: dict[str, Any], name: str) -> None:
        nonlocal count
        for child in node["children"]:
            count += 1
            own = f"n{count}"
            lines.append(f'  {own}["{_label(child["text"], width)}"]')
            said = f"{child['verdict']} {_number(child)}".strip()
            lines.append(f'  {name} -->|"{_label(said, width)}"| {own}')
            if child["state"] in classes:
                classes[child["state"]].append(own)
            draw(child, own)

    draw(tree, "n0")
    lines.append("  classDef chosen stroke:#2a7,stroke-width:3px")
    lines.append("  classDef pruned stroke-dasharray:4,color:#888")
    lines += [f"  class {','.join(names)} {kind}" for kind, names in classes.items() if names]
    return "\n".join(lines)


def _number(node: dict[str, Any]) -> str:
    return "not judged" if node["score"] is None else f"{node['score']:.2f}"


def _short(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _label(text: str, width: int) -> str:
    """Text inside a Mermaid label: its signs as entities, since models wrote it."""
    return "".join(
        sign if sign.isalnum() or sign in " .,:;!?'+-*/=()%_…" else f"#{ord(sign)};"
        for sign in _short(text, width)
    )
