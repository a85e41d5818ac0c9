"""The line editor: keys, pastes, history and completion, without a terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from agentlab.cli.repl.bar import bar
from agentlab.cli.repl.chat import SAMPLING
from agentlab.cli.repl.completion import ReplCompleter
from agentlab.cli.repl.history_file import HistoryFile
from agentlab.cli.repl.line import Line
from agentlab.cli.repl.registry import commands
from agentlab.errors import ConfigError
from tests.cli.repl.terminal import ALT_ENTER, CTRL_C, CTRL_D, CTRL_R


@pytest.fixture
def type_in(talk: Any, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Press keys in an editor whose history is kept between calls; what it reads."""
    chat = talk("x")
    with create_pipe_input() as pipe:

        def press(keys: str, then: Callable[[Line], None] = lambda _: None) -> str:
            line = Line(
                chat.repl,
                tmp_path / "history",
                lambda: then(line),
                input=pipe,
                output=DummyOutput(),
            )
            press.line = line  # type: ignore[attr-defined]
            pipe.send_text(keys)
            return line.read()

        yield press


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_enter_sends(type_in: Any) -> None:
    assert type_in("hello\r") == "hello"
    assert type_in("typed during an answer\n") == "typed during an answer"


def test_alt_enter_begins_a_line(type_in: Any) -> None:
    assert type_in(f"one{ALT_ENTER}two\r") == "one\ntwo"


def test_vi_keys_where_they_are_set(type_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = "abc\x1bx\r"  # Escape, then x: in vi it takes the last letter away
    assert type_in(keys) != "ab"
    monkeypatch.setenv("AGENTLAB_VI_KEYS", "true")
    assert type_in(keys) == "ab"


def test_a_paste_is_one_message(type_in: Any) -> None:
    text = "\n".join(f"line {n}" for n in range(200))
    assert type_in(pasted(text) + "\r") == text
    assert type_in(pasted(text.replace("\n", "\r\n")) + "\r") == text


def test_a_block_goes_on_until_it_is_closed(type_in: Any) -> None:
    assert type_in('"""one\rtwo\r\rthree"""\r') == '"""one\ntwo\n\nthree"""'
    assert type_in('"""\rone\r"""\r') == '"""\none\n"""'
    assert type_in('""""""\r') == '""""""'


def test_ctrl_c_and_ctrl_d(type_in: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        type_in(f"half a{CTRL_C}")
    assert type_in.line.left == "half a"
    with pytest.raises(KeyboardInterrupt):
        type_in(CTRL_C)
    assert type_in.line.left == ""
    with pytest.raises(EOFError):
        type_in(CTRL_D)
    assert type_in(f"kept{CTRL_D}\r") == "kept"


def test_history_is_searched(type_in: Any) -> None:
    type_in("the first question\r")
    type_in("another\r")
    assert type_in(f"{CTRL_R}first\r\r") == "the first question"


def test_history_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history"
    history = HistoryFile(path)
    history.store_string("one\ntwo")
    history.store_string("\ud800 three")
    history.store_string("/model openai:x api_key=sk-secret")
    history.store_string("/set api_key sk-secret")
    history.store_string("what is an api_key?")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "sk-secret" not in path.read_text()
    assert list(HistoryFile(path).load_history_strings()) == [
        "what is an api_key?",
        "? three",
        "one\ntwo",
    ]


def test_history_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    HistoryFile(tmp_path / "file" / "history").store_string("x")
    assert list(HistoryFile(tmp_path / "none").load_history_strings()) == []


def test_an_error_in_the_background_ends_the_line(type_in: Any) -> None:
    def fail(line: Line) -> None:
        threading.Thread(target=line.fail, args=(ConfigError("no such model"),)).start()

    with pytest.raises(ConfigError, match="no such model"):
        type_in("", then=fail)


@pytest.fixture
def complete(talk: Any) -> Callable[[str], list[str]]:
    """The completions of a line, each as the line that it makes."""
    chat = talk("one")

    def lines(text: str) -> list[str]:
        found = ReplCompleter(chat.repl).get_completions(Document(text), CompleteEvent())
        return [text[: len(text) + c.start_position] + c.text for c in found]

    lines.chat = chat  # type: ignore[attr-defined]
    return lines


def test_commands_are_completed(complete: Any) -> None:
    assert complete("/") == [f"/{name}" for name in commands()]
    assert complete("/m") == ["/markdown", "/model", "/memory"]
    assert complete("/help m") == ["/help markdown", "/help model", "/help memory"]
    assert complete("hello /m") == []
    assert complete("//m") == []
    assert complete("/zzz x") == []


def test_arguments_are_completed(complete: Any, tmp_path: Path) -> None:
    chat = complete.chat
    chat("hi")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in it.md").touch()
    (tmp_path / "evil\x1b[31m.txt").touch()
    assert complete("/model smol") == ["/model smollm2"]
    assert "/model gguf:folder/" in complete("/model gguf:")
    assert complete("/prompt ch") == ["/prompt chat"]
    assert complete("/prompt story") == []  # not for conversations
    assert complete("/memory win") == ["/memory window:4"]
    assert complete("/set ") == [f"/set {name}" for name in SAMPLING]
    assert complete("/set seed ") == ["/set seed default"]
    assert complete("/load ") == [f"/load {chat.repl.chat.name}"]
    assert complete("/attach no") == ["/attach notes.txt"]
    assert complete("/attach folder/") == ["/attach folder/in it.md"]
    assert complete("/attach ev") == []  # its name could move the cursor
    assert complete("/attach nowhere/") == []
    assert complete("/export p") == ["/export py"]
    assert complete("/tools cal") == ["/tools calculator"]
    assert complete("/markdown o") == ["/markdown on", "/markdown off"]


def test_the_bar(talk: Any, script: Any, tmp_path: Path) -> None:
    chat = talk("one two three", session="a\u00e9")
    chat.repl.chat.loading.wait()
    assert bar(chat.repl) == " scripted:script.yaml · buffer · a\u00e9"
    chat("a b")
    chat.repl.used = 17
    chat.repl.chat.loading.context_length = 100
    assert bar(chat.repl) == " scripted:script.yaml · buffer · 17 of 100 tokens (17%) · a\u00e9"
    (tmp_path / "notes.txt").write_text("x")
    chat("/attach notes.txt")
    assert " · 1 attached · " in bar(chat.repl)
