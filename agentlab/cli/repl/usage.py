"""How many tokens there are, and how fast they come."""

from __future__ import annotations

from agentlab.cli.repl.chat import Chat
from agentlab.events import Usage


def context_use(chat: Chat) -> int | None:
    """The tokens of the context that the conversation takes now, None where it is not known.

    Exact for a local model that is loaded. Else as the model's API counted the last answer: its
    tokenizer may not be on this machine.
    """
    if not chat.session.turns:
        return 0
    if hasattr(chat.model, "render"):
        return None if chat.loading.running else chat.session.context().total
    last = chat.session.turns[-1].usage
    return last.input_tokens + last.output_tokens or None


def speed_of(usage: Usage, first: float | None) -> str:
    """What an answer used, as a sentence; ``first`` is the seconds until its first token."""
    cached = f" ({usage.cached_tokens:,} from the cache)" if usage.cached_tokens else ""
    told = (
        f"{usage.input_tokens:,} tokens read{cached}, {usage.output_tokens:,} written "
        f"in {usage.seconds:.1f} s"
    )
    if first is None or usage.output_tokens < 2 or usage.seconds <= first:
        return told
    rate = (usage.output_tokens - 1) / (usage.seconds - first)
    return f"{told}: the first after {first:.1f} s, then {rate:,.0f} a second"


def counted(count: int, noun: str) -> str:
    """``1 turn``, ``2 turns``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
