"""One question and its answer, without a prompt."""

from __future__ import annotations

import functools
import sys
from collections.abc import Generator
from contextlib import closing

from agentlab.cli.console import Console
from agentlab.cli.repl.chat import Chat, Options
from agentlab.errors import ConfigError, TurnCancelled
from agentlab.events import Event, Thought, Token, ToolCall

STDIN = "-"


def answer_once(console: Console, options: Options, question: str, *, as_json: bool) -> None:
    """Write the answer to ``question``, or its events. Kept only in a session that is named.

    Raises:
        ConfigError: there is no question, or an option is wrong.
        AgentLabError: what the answer failed with.
    """
    from agentlab.cli.jsonlines import write_event
    from agentlab.cli.repl.turn import answer

    text, piped = _question(question, has_files=bool(options.attach))
    chat = Chat.open(options)
    if piped:
        chat.session.attach_text("stdin", piped)
    if chat.name:
        chat.keep()
    answer(
        chat,
        lambda: _told(chat, chat.session.events(text), live=as_json or console.out_is_terminal),
        console,
        also=functools.partial(write_event, console) if as_json else None,
    )
    if chat.session.name is not None:
        chat.session.settle()


def _told(chat: Chat, events: Generator[Event], *, live: bool) -> Generator[Event]:
    """``events``; where words may turn out to come before a call, only once they are the answer.

    At a terminal somebody waits, so the answer is shown as it comes.
    """
    if live or not chat.tools:
        return events
    from agentlab.agents.creating import prefers_native_calls

    return _settled(events) if prefers_native_calls(chat.model) else events


def _settled(events: Generator[Event]) -> Generator[Event]:
    held: list[Event] = []
    with closing(events):
        try:
            for event in events:
                if isinstance(event, Token):
                    held.append(event)
                    continue
                if isinstance(event, ToolCall):
                    said = "".join(e.text for e in held if isinstance(e, Token))
                    held = [Thought(said)] if said else []
                if not isinstance(event, Thought):
                    yield from held
                    held = []
                yield event
        except (Exception, TurnCancelled):
            yield from held  # as far as the answer had come
            raise


def _question(given: str, *, has_files: bool) -> tuple[str, bytes]:
    """The question and what is piped in beside it; or what is piped in as the question."""
    piped = _piped() if given == STDIN or not _is_terminal() else b""
    if given in ("", STDIN):
        try:
            text = piped.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise ConfigError("stdin is not UTF-8 text") from error
        if not text and not has_files:
            raise ConfigError("there is no question", hint='agentlab ask "…", or pipe it in')
        return text, b""
    return given, piped if piped.strip() else b""


def _piped() -> bytes:
    """What is piped in."""
    from agentlab.session.attaching import MAX_BYTES

    if sys.stdin is None:
        return b""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:  # a text stream in its place, as in tests
        return sys.stdin.read(MAX_BYTES + 1).encode()
    return bytes(stream.read(MAX_BYTES + 1))


def _is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()
