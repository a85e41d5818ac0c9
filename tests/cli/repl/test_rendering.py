"""Answers as text and as Markdown."""

from __future__ import annotations

import io
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from agentlab.cli.console import Console
from agentlab.cli.repl.markdown import MarkdownStream, write_markdown
from agentlab.cli.repl.rendering import TurnWriter
from agentlab.events import (
    Answer,
    Retrieved,
    Thought,
    Token,
    ToolCall,
    ToolResult,
    Usage,
    Warned,
)


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def console(monkeypatch: Any) -> Console:
    """Both streams are one terminal."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    return Console(stream, stream)


def shown(console: Console) -> str:
    return console.out.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_what_leads_to_an_answer_is_dim(console: Console) -> None:
    writer = TurnWriter(console)
    for event in (
        Thought("I must\x1b[31m look."),
        ToolCall("1", "search", {"query": "a\x07", "n": 2}),
        ToolResult("1", "search", "\n".join(f"line {n}\x1b" for n in range(12))),
        ToolResult("2", "fetch", "no", error=True),
        Retrieved("q", ({"text": "x"},)),
        Token("The "),
        Token("answer"),
        Answer("not shown twice"),
        Warned("no summary", "later"),
        Usage(1, 2, 1, 0.5),
    ):
        writer.hear(event)
    writer.close()
    lines = "\n".join(f"line {n}␛" for n in range(10))
    assert shown(console) == (
        "\x1b[2mI must␛[31m look.\x1b[0m\n"
        '\x1b[2m→ search(query="a\\u0007", n=2)\x1b[0m\n'
        f"\x1b[2m← search: {lines}\n… 2 more lines\x1b[0m\n"
        "\x1b[2m← fetch failed: no\x1b[0m\n"
        "\x1b[2m← 1 documents for 'q'\x1b[0m\n"
        "The answer\n"
        "warning: no summary (later)\n"
    )
    assert writer.usage == Usage(1, 2, 1, 0.5)


def test_in_a_pipe_there_is_only_the_answer() -> None:
    console = Console(io.StringIO(), io.StringIO())
    writer = TurnWriter(console, markdown=True)
    for event in (Thought("hm"), ToolCall("1", "search", {}), Token("**x**\x1b[31m")):
        writer.hear(event)
    writer.close()
    assert shown(console) == "**x**\x1b[31m\n"
    assert console.err.getvalue() == ""  # type: ignore[attr-defined]


def test_an_answer_that_did_not_stream(console: Console) -> None:
    writer = TurnWriter(console)
    writer.hear(Answer("whole"))
    writer.close()
    assert shown(console) == "whole\n"


def test_markdown_is_drawn_block_by_block(console: Console) -> None:
    stream = MarkdownStream(console)
    stream.feed("# Ti")
    stream.feed("tle\n\n")
    assert shown(console) == ""
    stream.feed("Some *text*\nhere.\n\n")
    assert "Title" in shown(console)
    assert "#" not in shown(console)
    stream.feed("- one\n\n- two\n\n  more of two\n\n")
    assert "Some" in shown(console)
    assert "one" not in shown(console)  # the list may go on
    stream.feed("```\nx = 1\n\ny = 2\n```\n\n")
    assert "x = 1" not in shown(console)
    stream.feed("The")
    stream.finish()
    assert "\x1b[1m • \x1b[0mone" in shown(console)
    assert "more of two" in shown(console)
    assert "y = 2" in shown(console)
    assert "```" not in shown(console)
    assert shown(console).rstrip().endswith("The")


def test_markdown_from_outside_is_harmless(console: Console) -> None:
    write_markdown(console, "a\x1b]0;owned\x07 [good](http://bad.example/\u202e) `\x1b[31m`")
    text = shown(console)
    assert "\x1b]" not in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "http://bad.example/" in text  # a link does not hide where it goes


def test_markdown_without_colours(console: Console, monkeypatch: Any) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    write_markdown(console, "**bold** text")
    assert "\x1b" not in shown(console)
    assert "bold text" in shown(console)


@pytest.mark.parametrize(
    ("stopped", "said"),
    [
        ("seconds", "warning: cut short: no time was left\n"),
        ("malformed", "warning: cut short: the model's last replies were neither"),
        (None, ""),
        (["seconds"], ""),
        ("else", ""),
    ],
)
def test_an_answer_that_was_cut_short_says_so(console: Console, stopped: Any, said: str) -> None:
    writer = TurnWriter(console)
    writer.hear(Token("Noon."))
    writer.hear(Answer(AIMessage("Noon.", response_metadata={"stopped": stopped})))
    writer.close()
    assert shown(console).startswith("Noon.\n" + said)
    assert ("cut short" in shown(console)) is bool(said)
