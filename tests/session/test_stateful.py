"""Any order of send, undo, redo, retry, edit, clear and fork, against a list of turns."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from langchain_core.runnables import Runnable, RunnableLambda

from agentlab.errors import ConfigError, RunError
from agentlab.session import Session, Store

Turns = list[tuple[str, str]]
WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    str.strip
)


class SessionMachine(RuleBasedStateMachine):
    """``self.turns`` is what the session must hold, ``self.undone`` what redo must bring back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "s.db")
        self.answers = itertools.count()
        self.names = itertools.count()
        self.failing = False
        self.turns: Turns = []
        self.undone: list[Turns] = []
        self.said: set[str] = set()
        self.name = "main"
        self.chat = Session(self.target, name=self.name, store=self.store)
        self.others: list[tuple[str, Turns]] = []

    @property
    def target(self) -> Runnable[Any, str]:
        def answer(given: dict[str, Any]) -> str:
            assert [m.text for m in given["history"]] == [
                text for turn in self.turns_before for text in turn if turn[1]
            ]
            if self.failing:
                raise RunError("broken")
            return f"answer {next(self.answers)}"

        return RunnableLambda(answer)

    def ask(self, act: Any, before: Turns, question: str) -> None:
        self.turns_before = before
        if self.failing:
            with pytest.raises(RunError):
                act()
            answer = ""
        else:
            answer = act().text
        self.turns = [*before, (question, answer)]
        self.undone = []
        self.said |= {question, answer}

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(text=WORDS)
    def send(self, text: str) -> None:
        self.ask(lambda: self.chat.send(text), self.turns, text)

    @rule(text=WORDS)
    def edit(self, text: str) -> None:
        if self.turns:
            self.ask(lambda: self.chat.edit(text), self.turns[:-1], text)
        else:
            with pytest.raises(ConfigError):
                self.chat.edit(text)

    @precondition(lambda self: self.turns)
    @rule()
    def retry(self) -> None:
        self.ask(self.chat.retry, self.turns[:-1], self.turns[-1][0])

    @rule()
    def undo(self) -> None:
        if self.turns:
            self.chat.undo()
            self.undone.append(self.turns)
            self.turns = self.turns[:-1]
        else:
            with pytest.raises(ConfigError):
                self.chat.undo()

    @rule()
    def redo(self) -> None:
        if self.undone:
            self.chat.redo()
            self.turns = self.undone.pop()
        else:
            with pytest.raises(ConfigError):
                self.chat.redo()

    @rule()
    def clear(self) -> None:
        self.chat.clear()
        if self.turns:
            self.undone.append(self.turns)
        self.turns = []

    @rule()
    def fork(self) -> None:
        name = f"fork {next(self.names)}"
        self.others.append((self.name, self.turns))
        self.chat = self.chat.fork(name)
        self.name, self.undone, self.said = name, [], set()

    @rule()
    def load(self) -> None:
        self.chat = Session.load(self.name, self.target, store=self.store)

    @rule(failing=st.booleans())
    def break_or_mend(self, failing: bool) -> None:
        self.failing = failing

    @invariant()
    def holds_what_it_must(self) -> None:
        assert [(t.user.text, t.text) for t in self.chat.turns] == self.turns
        everything = {n.message.text for n in self.chat._tree.nodes.values()}
        assert self.said <= everything  # nothing is ever taken away

    @invariant()
    def others_are_left_alone(self) -> None:
        for name, turns in self.others[-1:]:
            stored = self.store.load(name).tree.turns()
            assert [(t.user.text, t.text) for t in stored] == turns


TestSession = SessionMachine.TestCase
TestSession.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
