"""The state of a conversation: what was said, where we are in it, and its place in a store."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import BaseMessage

from agentlab.errors import ConfigError, SessionBusy
from agentlab.events import Usage
from agentlab.session.journal import Journal
from agentlab.session.naming import free_name
from agentlab.session.store import Store, check_name
from agentlab.session.tree import Node, Tree, Turn


class Conversation(ABC):
    """Everything of a session but asking: looking back, moving, and keeping."""

    def __init__(self, store: Store | None = None) -> None:
        self._tree = Tree()
        self._store = store
        self._journal: Journal | None = None
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What is stored beside the messages."""

    @abstractmethod
    def _memory_state(self) -> Mapping[str, Any]:
        """What the memory has made."""

    @property
    def name(self) -> str | None:
        """The name it is stored under, None while it is stored nowhere."""
        return self._journal.name if self._journal else None

    # What was said

    @property
    def turns(self) -> list[Turn]:
        """The turns so far, incomplete ones included."""
        return self._tree.turns()

    @property
    def history(self) -> list[BaseMessage]:
        """All messages so far. An incomplete answer says why in its ``response_metadata``."""
        return [node.message for node in self._tree.path()]

    @property
    def shown(self) -> list[BaseMessage]:
        """The history as the memory is given it: see :attr:`Turn.shown`."""
        return [message for turn in self.turns for message in turn.shown]

    @property
    def usage(self) -> Usage:
        """Tokens and seconds of all turns together."""
        all_used = [turn.usage for turn in self.turns]
        return Usage(
            input_tokens=sum(u.input_tokens for u in all_used),
            output_tokens=sum(u.output_tokens for u in all_used),
            model_calls=sum(u.model_calls for u in all_used),
            seconds=sum(u.seconds for u in all_used),
            cached_tokens=sum(u.cached_tokens for u in all_used),
        )

    # Moving: nothing is ever taken away

    def undo(self) -> Turn:
        """Go back to before the last turn, and return that turn."""
        with self._writing():
            user = self._last_user("undo")
            undone = self.turns[-1]
            self._move(user.parent, [*self._tree.undone, self._head()])
            return undone

    def redo(self) -> Turn:
        """Take back the last :meth:`undo` or :meth:`clear`, and return the turn it ends in."""
        with self._writing():
            if not self._tree.undone:
                raise ConfigError("there is nothing to redo", hint="redo follows an undo")
            self._move(self._tree.undone[-1], self._tree.undone[:-1])
            return self.turns[-1]

    def clear(self) -> None:
        """Begin anew. :meth:`redo` brings everything back."""
        with self._writing():
            if self._tree.head is not None:
                self._move(None, [*self._tree.undone, self._tree.head])

    def branches(self) -> dict[str, list[Turn]]:
        """All branches by the id of their last message, oldest first."""
        return {leaf.id: self._tree.turns(leaf.id) for leaf in self._tree.leaves()}

    def switch(self, branch: str) -> None:
        """Go to the end of one of the :meth:`branches`."""
        with self._writing():
            if branch not in self._tree.nodes:
                raise ConfigError(f"there is no branch {branch!r}", hint="see branches()")
            self._move(branch, [])

    # Keeping

    def save(self, name: str) -> None:
        """Keep the session under ``name`` from now on, with all branches.

        A stored session is renamed. Another session that has the name is not lost: it becomes
        ``name~1``, or the first number that is free.
        """
        check_name(name)
        with self._writing():
            if self.name == name:
                self._write()
                return
            store = self._journal.store if self._journal else self._opened()
            taken = store.names()
            if name in taken:
                store.rename(name, free_name(name, taken))
            if self._journal and self._journal.name in taken:
                store.rename(self._journal.name, name)
                self._journal.name = name
            else:
                self._begin_journal(name)
            self._write()

    # Inside

    def _move(self, head: str | None, undone: list[str]) -> None:
        before = self._tree.head, self._tree.undone
        self._tree.head, self._tree.undone = head, undone
        try:
            self._keep([])
        except BaseException:
            self._tree.head, self._tree.undone = before
            raise

    def _keep(self, nodes: list[Node], *, force: bool = False) -> None:
        if self._journal:
            self._journal.owe(nodes)
            self._write(force=force)

    def _write(self, *, force: bool = False) -> None:
        if self._journal:
            self._journal.write(
                self._tree, force=force, settings=self.settings, memory=self._memory_state()
            )

    def _begin_journal(self, name: str) -> None:
        store = self._opened()
        self._journal = Journal(store, store.create(name, self.settings), name)
        self._journal.owe(self._tree.nodes.values())

    def _opened(self) -> Store:
        self._store = self._store or Store()
        return self._store

    def _head(self) -> str:
        assert self._tree.head is not None
        return self._tree.head

    def _last_user(self, what: str) -> Node:
        user = self._tree.last_user()
        if user is None:
            raise ConfigError(f"there is nothing to {what}", hint="nothing was said yet")
        return user

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise SessionBusy(
                "the session is answering already", hint="wait for the answer, or stop it"
            )
        try:
            yield
        finally:
            self._lock.release()
