"""One question and its answer, without a prompt."""

from __future__ import annotations

import functools
import sys

from agentlab.cli.console import Console
from agentlab.cli.repl.chat import Chat, Options
from agentlab.errors import ConfigError

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
        lambda: chat.session.events(text),
        console,
        also=functools.partial(write_event, console) if as_json else None,
    )
    if chat.session.name is not None:
        chat.session.settle()


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
