"""Looking at what the model sees, what was said, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentlab.cli.repl import choices
from agentlab.cli.repl.registry import Command, whole
from agentlab.errors import ConfigError
from agentlab.safe_text import visible

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl
    from agentlab.session import Turn

_ROLES = {"human": "user", "ai": "assistant"}


def _context(repl: Repl, argument: str) -> None:
    from agentlab.cli.repl.turn import loaded

    if argument not in ("", "raw"):
        raise ConfigError(f"/context takes raw or nothing, not {argument:.40}")
    loaded(repl.chat, repl.console)
    context = repl.chat.session.context()
    console = repl.console
    if argument == "raw":
        if context.text is None:
            raise ConfigError(
                f"{repl.chat.spec} does not show its chat template",
                hint="/context shows the messages that are sent",
            )
        console.line(context.text)
        return
    about = "" if context.exact else "about "
    for message, tokens in zip(context.messages, context.tokens, strict=True):
        role = _ROLES.get(message.type, message.type)
        console.line(f"--- {role}, {about}{tokens:,} tokens")
        console.line(message.text)
        for call in getattr(message, "tool_calls", ()):
            console.line(f"→ {call['name']} {call['args']}")
    template = context.total - sum(context.tokens)
    told = f"--- {about}{context.total:,}"
    told += f" of {context.available:,} tokens" if context.available else " tokens"
    if context.messages and context.text is not None:
        told += f", {template:,} of them the chat template's"
    console.line(f"{told}; memory {repl.chat.session.memory.spec}")


def _tokens(repl: Repl, _argument: str) -> None:
    from agentlab.cli.repl.turn import loaded
    from agentlab.cli.repl.usage import context_use, counted, speed_of

    chat = repl.chat
    loaded(chat, repl.console)
    used, length = context_use(chat), chat.loading.context_length
    if used is not None:
        of = f" of {length:,} tokens, {length - used:,} left" if length else " tokens"
        repl.console.line(f"context  {used:,}{of}")
    engine = getattr(chat.model, "_engine", None)
    if engine is not None and engine.kept.sequences:
        kept = engine.kept
        repl.console.line(
            f"kept     {counted(kept.sequences, 'earlier prompt')}, {kept.tokens:,} tokens, "
            f"{kept.bytes >> 20:,} of {kept.limit >> 20:,} MiB"
        )
    shared = None if engine is None else engine.shared
    if shared is not None:
        repl.console.line(
            f"shared   {counted(shared.earlier + shared.at_work, 'prompt')} in "
            f"{shared.cells:,} of {shared.limit:,} cells"
        )
    spent = chat.session.usage
    calls = counted(spent.model_calls, "answer")
    repl.console.line(
        f"session  {calls}: {spent.input_tokens:,} tokens read "
        f"({spent.cached_tokens:,} from the cache), {spent.output_tokens:,} written, "
        f"{spent.seconds:.1f} s"
    )
    turns = chat.session.turns
    if repl.speed:
        repl.console.line(f"last     {repl.speed}")
    elif turns:
        repl.console.line(f"last     {speed_of(turns[-1].usage, None)}")


def _history(repl: Repl, argument: str) -> None:
    turns = repl.chat.session.turns
    if not turns:
        raise ConfigError("nothing was said yet")
    last = whole(argument, "/history") if argument else len(turns)
    for number, turn in list(enumerate(turns, 1))[-last:]:
        _write_turn(repl, number, turn)


def _write_turn(repl: Repl, number: int, turn: Turn) -> None:
    from langchain_core.messages import ToolMessage

    console = repl.console
    console.line(f"--- {number} user")
    console.line(turn.user.text)
    for message in turn.answers:
        if isinstance(message, ToolMessage):
            console.line(f"← {message.name}: {message.text}")
            continue
        for call in getattr(message, "tool_calls", ()):
            console.line(f"→ {call['name']} {call['args']}")
        if message.text:
            console.line(f"--- {number} assistant")
            console.line(message.text)
    if turn.status != "complete":
        why = f": {turn.error}" if turn.error else ""
        console.line(f"--- {number} {turn.status}{why}")


def _copy(repl: Repl, _argument: str) -> None:
    from agentlab.cli.repl.clipboard import copy

    # As it is shown: what is pasted into a shell must not hide control characters.
    text = visible(last_answer(repl))
    by = copy(repl.console, text)
    repl.console.note(f"copied {len(text):,} characters with {by}")


def last_answer(repl: Repl) -> str:
    """The text of the last answer.

    Raises:
        ConfigError: there is none.
    """
    turns = repl.chat.session.turns
    if not turns or not turns[-1].text:
        raise ConfigError("there is no answer yet")
    return turns[-1].text


COMMANDS = (
    Command("context", "[raw]", "Show exactly what the model will see, with its tokens.", _context,
            choices.fixed("raw"), more="raw: as one text, in the model's chat template."),
    Command("tokens", "", "Show tokens used and left, and the speed.", _tokens),
    Command("history", "[TURNS]", "Show what was said.", _history),
    Command("copy", "", "Copy the last answer to the clipboard.", _copy),
)  # fmt: skip
