"""The line below the prompt: who answers, with what memory, and how full the context is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.safe_text import visible

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl


def bar(repl: Repl) -> str:
    """The text of the bar now. Nothing here is slow: it is drawn at every key."""
    chat = repl.opening.chat
    if chat is None:
        return " starting …"
    parts = [chat.label + (" (loading …)" if chat.loading.running else "")]
    parts.append(chat.session.memory.spec)
    parts.append(_context(repl.used, chat.loading.context_length))
    if chat.docs:
        parts.append(f"docs {Path(chat.docs).name}")
    if chat.attached:
        parts.append(f"{len(chat.attached)} attached")
    parts.append(chat.name or "new")
    return visible(" " + " · ".join(part for part in parts if part)).replace("\n", " ")


def _context(used: int | None, length: int | None) -> str:
    if used is None:
        return f"of {length:,} tokens" if length else ""
    if not length:
        return f"{used:,} tokens"
    return f"{used:,} of {length:,} tokens ({100 * used / length:.0f}%)"
