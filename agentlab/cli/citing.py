"""The documents that an answer cites, below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentlab.cli.console import Console


def cite(console: Console, citations: Sequence[Mapping[str, Any]]) -> None:
    """The documents that are cited, each once, with what of them is quoted."""
    numbers = dict.fromkeys(citation["number"] for citation in citations)
    for number in sorted(numbers):
        cited = [c for c in citations if c["number"] == number]
        title = f"  {cited[0]['title']}" if cited[0]["title"] else ""
        console.line(f"\n[{number}] {cited[0]['file'] or cited[0]['id']}{title}")
        for start, end, quote in dict.fromkeys((*c["span"], c["quote"]) for c in cited):
            console.line(f"    {start}-{end}: “{' '.join(quote.split())}”")
