"""The commands, each on a scripted model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentlab.cli.repl.registry import Quit, commands, find, literal, parse
from agentlab.errors import ConfigError
from agentlab.session import Store


def test_help_and_the_loop_have_the_same_commands(talk: Any) -> None:
    told = talk("x")("/help")
    for command in commands().values():
        assert f"\n{command.usage} " in f"\n{told}"
        explained = talk("x")(f"/help {command.name}")
        assert explained.startswith(f"{command.usage}\n{command.about}\n")


def test_an_alias_is_its_command() -> None:
    assert find("exit") is find("quit")
    names = [n for c in commands().values() for n in (c.name, *c.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/hlep", "error: there is no command /hlep\nhint: did you mean /help?\n"),
        ("/contxt", "error: there is no command /contxt\nhint: did you mean /context?\n"),
        ("/zzz", "error: there is no command /zzz\nhint: /help lists them; a text that begins"),
        ("/", "error: there is no command /\nhint: /help lists them"),
    ],
)
def test_an_unknown_command_names_the_nearest(talk: Any, line: str, told: str) -> None:
    assert talk("x")(line).startswith(told)


def test_what_is_a_command() -> None:
    assert parse("/set temperature 0") == ("set", "temperature 0")
    assert parse("/system a\nb c") == ("system", "a\nb c")
    assert parse("/system\na b") == ("system", "a b")
    assert parse("//etc/passwd") is None
    assert literal("//etc/passwd") == "/etc/passwd"
    assert literal("what is //?") == "what is //?"


def test_two_slashes_send_one(talk: Any) -> None:
    chat = talk("x")
    chat("//usr is what?")
    assert chat.repl.chat.session.history[0].text == "/usr is what?"


def test_quit(talk: Any) -> None:
    for line in ("/quit", "/exit", "/bye", "/q"):
        with pytest.raises(Quit):
            talk("x")(line)


def test_everything_sent_is_stored_at_once(talk: Any) -> None:
    chat = talk("one", "two")
    assert Store().names() == []
    assert chat("first") == "one\n"
    [name] = Store().names()
    assert [n.message.text for n in Store().load(name).tree.path()] == ["first", "one"]
    chat("second")
    assert Store().list()[0].messages == 4


def test_undo_redo_retry(talk: Any) -> None:
    chat = talk("one", "two", "three")
    chat("a")
    chat("b")
    assert chat("/undo") == "undone: b\n"
    assert chat("/redo") == "redone: b\n"
    assert chat("/retry") == "three\n"
    assert [m.text for m in chat.repl.chat.session.history] == ["a", "one", "b", "three"]
    assert chat("/branches") == (
        "  1  2 turns, the last: b → two\n* 2  2 turns, the last: b → three\n"
    )
    assert chat("/branches 1") == "in branch 1: b\n"
    assert chat.repl.chat.session.history[-1].text == "two"
    assert chat("/undo 2") == "undone: b\nundone: a\n"
    assert chat("/undo").startswith("error: there is nothing to undo\n")
    assert "takes a number from 1" in chat("/undo 0")
    assert "there is no branch 7" in chat("/branches 7")


def test_edit_as_text(talk: Any) -> None:
    chat = talk("one", "two")
    chat("a")
    assert chat("/edit b") == "two\n"
    assert [m.text for m in chat.repl.chat.session.history] == ["b", "two"]
    assert "as it was" in chat("/edit b")


def test_edit_in_the_editor(talk: Any, tmp_path: Path, monkeypatch: Any) -> None:
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\ngrep -q "^a$" "$1" && printf "b\\nc\\n" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{editor}'")
    chat = talk("one", "two")
    chat("a")
    assert chat("/edit") == "two\n"
    assert chat.repl.chat.session.history[0].text == "b\nc"
    assert "failed, so nothing was sent" in chat("/edit")
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert "'no-such-editor' cannot be run" in chat("/edit")


def test_clear_can_be_taken_back(talk: Any) -> None:
    chat = talk("one")
    chat("a")
    assert "begins anew" in chat("/clear")
    assert chat("/history").startswith("error: nothing was said yet")
    chat("/redo")
    assert chat("/history") == "--- 1 user\na\n--- 1 assistant\none\n"


def test_history_of_the_last_turns(talk: Any) -> None:
    chat = talk("one", {"say": "tw", "error": "connection"})
    chat("a")
    assert "the answer stopped in the middle" in chat("b")
    told = chat("/history 1")
    assert told.startswith("--- 2 user\nb\n--- 2 assistant\ntw\n--- 2 failed: ")
    assert "--- 1" not in told
    assert "takes a number" in chat("/history x")


def test_context_is_what_the_model_will_see(talk: Any) -> None:
    chat = talk("one", "two words", "three", memory="window:1")
    chat("a")
    chat("b c")
    told = chat("/context")
    assert told == (
        "--- system, 12 tokens\n"
        "You are a helpful assistant. You answer in a few plain sentences.\n"
        "--- user, 2 tokens\nb c\n--- assistant, 2 tokens\ntwo words\n"
        "--- 16 tokens; memory window:1\n"
    )
    assert "does not show its chat template" in chat("/context raw")
    assert "takes raw or nothing" in chat("/context all")


def test_context_shows_what_is_attached(talk: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    chat = talk("one", "two")
    assert chat("/attach notes.txt") == "goes with the next question: notes.txt\n"
    assert "buy milk" in chat("/context")
    chat("what?")
    assert "buy milk" in chat.repl.chat.session.history[0].text
    assert chat("/attach").startswith("error: no file is attached")
    assert "cannot be attached" in chat("/attach nothing.txt")
    chat('/attach "notes.txt"')
    chat("")
    assert chat.repl.chat.session.history[2].text.startswith("File notes.txt:")


def test_memory_changes_in_the_middle(talk: Any) -> None:
    chat = talk("one", "two", "three")
    chat("a")
    chat("b")
    assert chat("/memory") == "buffer: 4 of 4 messages are shown\n"
    assert chat("/memory window:1") == "window:1: 2 of 4 messages are shown\n"
    assert chat("/memory buffer") == "buffer: 4 of 4 messages are shown\n"
    assert "did you mean 'window:4'" in chat("/memory windwo:2")
    assert chat("/memory").startswith("buffer")


def test_system_and_prompt(talk: Any) -> None:
    chat = talk("one")
    assert "the prompt's own" in chat("/system")
    chat("/system You are a cat.")
    assert chat("/system") == "You are a cat.\n"
    assert "\nYou are a cat.\n" in chat("/context")
    chat('/system """Two\nlines"""')
    assert chat("/system") == "Two\nlines\n"
    assert "back to the prompt's own" in chat("/system default")
    assert "* chat  " in chat("/prompt")
    assert chat("/prompt none") == "the prompt is none\n"
    assert "system" not in chat("/context")
    assert "is not for a conversation: it needs summary" in chat("/prompt story/title")
    assert "there is no prompt 'chta'" in chat("/prompt chta")
    assert chat.repl.chat.prompt == "none"


def test_set(talk: Any) -> None:
    chat = talk({"say": "one two three four", "repeat": True})
    assert chat("/set max_tokens 2") == "max_tokens is 2\n"
    assert chat("go") == "one two\n"
    assert "* max_tokens 2\n" in chat("/set")
    assert chat("/set max_tokens") == "* max_tokens 2\n"
    assert chat("/set max_tokens=3") == "max_tokens is 3\n"
    assert chat("/set max_tokens default") == "max_tokens is default\n"
    assert chat("go") == "one two three four\n"
    assert "did you mean 'temperature'" in chat("/set temprature 0")
    assert "no parameter temprature" in chat("/set temprature")


def test_model_switch_that_fails_keeps_the_old_one(talk: Any, tmp_path: Path) -> None:
    chat = talk("one", "two")
    chat("a")
    spec = chat.repl.chat.spec
    assert "did you mean smollm2?" in chat("/model smollm")
    assert "error: " in chat("/model gguf:missing.gguf")
    assert chat("/model") == f"{spec}\n"
    assert chat("b") == "two\n"


def test_a_switch_keeps_sampling_and_the_conversation(talk: Any, script: Any) -> None:
    chat = talk("one", memory="window:1")
    chat("/set temperature 0.5")
    chat("a")
    other = script("from the other", name="other")
    assert "answers from now on" in chat(f"/model {other}")
    assert chat("b") == "from the other\n"
    assert chat.repl.chat.parameters == {"temperature": 0.5}
    assert chat.repl.chat.session.memory.spec == "window:1"
    assert [m.text for m in chat.repl.chat.session.history][:2] == ["a", "one"]


def test_save_load_sessions(talk: Any, script: Any) -> None:
    chat = talk("one", "two", session="first")
    chat("a")
    assert chat("/save mine") == "kept as mine\n"
    assert Store().names() == ["mine"]
    chat("/memory window:3")
    assert chat("/new other") == "a new conversation\n"
    assert chat.repl.chat.session.turns == []
    chat("b")
    assert chat("/sessions").splitlines()[0].startswith("other\t2\t")
    told = chat("/load mine")
    assert told.startswith("in mine: 1 turn, scripted:")
    assert told.endswith(", window:3\n")
    assert "did you mean 'mine'?" in chat("/load mien")
    assert "takes the name of a session" in chat("/load")
    assert "there is a session 'other' already" in chat("/new other")
    assert chat("/save other") == ("kept as other; the one that had this name is other~1 now\n")
    assert sorted(Store().names()) == ["other", "other~1"]


def test_load_where_its_model_is_gone(talk: Any, tmp_path: Path, script: Any) -> None:
    chat = talk("one", session="first")
    chat("a")
    chat("/new second")
    chat(f"/model {script('two', name='other')}")
    (tmp_path / "script.yaml").unlink()
    told = chat("/load first")
    assert told.startswith("its own model scripted:")
    assert told.endswith(f"in first: 1 turn, scripted:{tmp_path}/other.yaml, buffer\n")


def test_fork(talk: Any) -> None:
    chat = talk("one", "two", "three", session="trunk")
    chat("a")
    assert chat("/fork twig") == "in twig, a copy of trunk\n"
    chat("b")
    assert [listed.messages for listed in Store().list()] == [4, 2]
    assert chat("/fork twig").startswith("error: there is a session 'twig' already")
    assert chat("/fork") == "in twig~1, a copy of twig\n"


def test_export(talk: Any, tmp_path: Path) -> None:
    chat = talk("one", session="mine")
    assert chat("/export").startswith("error: nothing was said yet")
    chat("a")
    assert chat("/export").startswith("# mine\n")
    assert chat("/export chat.py") == "wrote chat.py\n"
    assert chat("/export json").startswith("{")
    assert chat("/export json chat.txt") == "wrote chat.txt\n"
    assert chat("/export chat.py") == (
        "error: 'chat.py' exists already\nhint: choose another name\n"
    )
    assert "unknown format 'html'" in chat("/export chat.html")
    done = subprocess.run(
        [sys.executable, tmp_path / "chat.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "> a\none\n\n"


def test_tools_are_listed_and_used(talk: Any) -> None:
    chat = talk({"tool_calls": [{"name": "now", "args": {}}]}, "It is late.", "bye")
    assert "  calculator  " in chat("/tools")
    assert chat("/tools now, calculator") == "the tools are now, calculator\n"
    assert "* now  " in chat("/tools")
    assert chat("What time is it?").endswith("It is late.\n")
    assert "no tool is named 'clock'" in chat("/tools clock")
    assert "* now  " in chat("/tools"), "the old ones stay"
    assert chat("/tools none") == "the tools are none\n"
    assert chat("Bye") == "bye\n"


def test_copy(talk: Any, tmp_path: Path, monkeypatch: Any) -> None:
    program = tmp_path / "bin" / "pbcopy"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/clipboard\n")
    program.chmod(0o755)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    chat = talk("one\x1b[31m")
    assert "there is no answer yet" in chat("/copy")
    chat("a")
    assert "there is no clipboard" in chat("/copy")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert chat("/copy") == "copied 8 characters with pbcopy\n"
    assert (tmp_path / "clipboard").read_text() == "one␛[31m"


def test_tokens(talk: Any) -> None:
    chat = talk("one two", "x")
    assert "context  0 tokens\n" in chat("/tokens")
    chat("a b c")
    told = chat("/tokens")
    assert "\nsession  1 answer: " in f"\n{told}"
    assert ", 2 written" in told
    assert chat("/stats on") == "what an answer used is shown after it\n"
    assert ", 1 written in " in chat("d")
    assert "expected on or off" in chat("/stats maybe")


def test_an_error_is_a_sentence_and_the_chat_goes_on(talk: Any) -> None:
    chat = talk({"error": "rate_limit"}, "fine")
    told = chat("a")
    assert told == "error: the scripted model had too many requests\n"
    assert chat("b") == "fine\n"
    assert chat.repl.failure == 1
    assert "no reply is left" in chat("c")


def test_a_bug_is_told_too(talk: Any, monkeypatch: Any) -> None:
    chat = talk("x")
    chat("a")
    monkeypatch.setattr(chat.repl.chat.session, "undo", lambda: 1 // 0)
    assert chat("/undo") == (
        "error: unexpected ZeroDivisionError: integer division or modulo by zero\n"
        "hint: see where it happened with --debug\n"
    )


def test_another_process_is_noticed(talk: Any) -> None:
    chat = talk("one", "two", session="shared")
    chat("a")
    other = talk("three", session="shared", model=chat.repl.chat.spec)
    other("b")
    assert "changed by another process" in chat("c")
    assert "in shared: 2 turns" in chat("/load shared")


def test_a_session_with_another_server_is_not_sent_elsewhere(talk: Any) -> None:
    from agentlab.session import Session

    chat = talk("one", session="mine")
    chat("a")
    id = Store().load("mine").id
    tree = Store().load("mine").tree
    settings = {"model": "openai:x", "parameters": {"base_url": "http://else.where/v1"}}
    Store().write(id, [], tree, was=tree.head, settings=settings)
    chat.repl.opening.chat.session = Session(chat.repl.chat.session.target)
    with pytest.raises(ConfigError, match="held with the server at http://else"):
        talk(session="mine", model=None)("b")
