"""Session: a conversation with a target, driven by scripts, the REPL and scenarios."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agentlab.errors import ConfigError
from agentlab.events import Answer, Event, Token, Warned
from agentlab.memory import BufferMemory, Memory, parse_memory
from agentlab.session.answering import Answering
from agentlab.session.attaching import as_attachment, read_attachment
from agentlab.session.conversation import Conversation
from agentlab.session.inspecting import Context, context_of
from agentlab.session.journal import Journal
from agentlab.session.naming import describe
from agentlab.session.steering import Steering
from agentlab.session.store import Store
from agentlab.session.target import Target
from agentlab.session.tree import Node
from agentlab.untrusted import ATTACHED, sources_of, with_sources


class Session(Conversation):
    """A conversation with ``target``: a chat model, ``prompt | model``, a chain or an agent.

    The full history is kept; ``memory`` (one, or a text such as ``"window:4"``) chooses what the
    model sees of it. With a ``name`` every message is kept in ``store`` from the start: a
    question before the model is called, a partial answer every second, an answer when it ends.
    Without one nothing is written until :meth:`save`.

    An answer that is stopped or fails is kept, marked incomplete. Of such a turn the model sees
    the partial text, or nothing of the turn where none had come.

    One answer at a time: asking while another is on its way raises
    :class:`~agentlab.errors.SessionBusy`.

    Raises:
        ConfigError: the target is no Runnable, the memory unknown, or the name taken.
        StoreError: the store cannot be used.
    """

    def __init__(
        self,
        target: Any,
        memory: Memory | str | None = None,
        name: str | None = None,
        store: Store | None = None,
        system: str | None = None,
    ) -> None:
        self._target = Target(target)
        self._memory = self._made(memory)
        super().__init__(store)
        self._attached: list[str] = []
        self.system = system
        if name is not None:
            self._begin_journal(name)

    @classmethod
    def load(
        cls,
        name: str,
        target: Any,
        memory: Memory | str | None = None,
        store: Store | None = None,
        system: str | None = None,
    ) -> Session:
        """The stored session ``name``, with its own memory and system text where none are given.

        Raises:
            ConfigError: there is none of that name.
            CorruptStore: the store is damaged.
        """
        store = store or Store()
        stored = store.load(name)
        known = stored.settings
        session = cls(target, memory or known.get("memory"), system=system or known.get("system"))
        session._store = store
        session._tree = stored.tree
        session._memory.restore(stored.memory)
        session._journal = Journal(store, stored.id, name, stored.tree.head)
        return session

    @classmethod
    def open(
        cls,
        name: str,
        target: Any,
        memory: Memory | str | None = None,
        store: Store | None = None,
        system: str | None = None,
    ) -> Session:
        """:meth:`load` where there is a session ``name``, and else a new one of that name."""
        store = store or Store()
        if name in store.names():
            return cls.load(name, target, memory, store, system)
        return cls(target, memory, name, store, system)

    # What is set, and can be changed at any time

    @property
    def target(self) -> Any:
        """What answers; set it to go on with another model or prompt."""
        return self._target.runnable

    @target.setter
    def target(self, target: Any) -> None:
        self._target = Target(target)

    @property
    def memory(self) -> Memory:
        """What chooses the messages the model sees; set it, or its text, to change it."""
        return self._memory

    @memory.setter
    def memory(self, memory: Memory | str | None) -> None:
        self._memory = self._made(memory)

    # Looking

    def context(self, text: str = "") -> Context:
        """What the model would be shown if ``text`` came next. The model is not called.

        Steps of the target that come before its model, a retriever say, do run.
        """
        user = HumanMessage(self._with_attachments(text) if text or self._attached else "")
        view = self._memory.view(self.shown)
        given = self._target.input(self.system, view, user)
        return context_of(self._target, given, [*view, user])

    @property
    def settings(self) -> dict[str, Any]:
        """What is stored beside the messages: memory, system text, and names of the target."""
        known = {"memory": self._memory.spec, "system": self.system}
        return {k: v for k, v in known.items() if v} | describe(self.target, self._target.model)

    # Asking

    def send(self, text: str) -> AIMessage:
        """Say ``text`` and return the answer.

        Raises:
            SessionBusy: an answer is on its way, or another process has changed the session.
            TurnCancelled: it was stopped; the partial answer is in the history.
            AgentLabError: whatever the target raised; likewise.
        """
        return _answer(self.events(text))

    def stream(self, text: str) -> Generator[str]:
        """Say ``text`` and yield the answer as it comes. Closing the iterator stops the answer."""
        return _tokens(self.events(text))

    def events(self, text: str) -> Generator[Event]:
        """Say ``text`` and yield what happens; an error is told as an event, then raised."""
        return self._run(lambda: self._ask(text, self._tree.head))

    def retry(self) -> AIMessage:
        """Answer the last question again; the old answer stays as a branch."""
        return _answer(self.retry_events())

    def retry_events(self) -> Generator[Event]:
        """:meth:`retry`, yielding what happens."""
        return self._run(self._again)

    def edit(self, text: str) -> AIMessage:
        """Say ``text`` in the place of the last question; the old turn stays as a branch."""
        return _answer(self.edit_events(text))

    def edit_events(self, text: str) -> Generator[Event]:
        """:meth:`edit`, yielding what happens."""
        return self._run(lambda: self._ask(text, self._last_user("edit").parent))

    async def asend(self, text: str) -> AIMessage:
        """:meth:`send`, asynchronously."""
        async with aclosing(self.aevents(text)) as events:
            return _last_answer([event async for event in events])

    async def astream(self, text: str) -> AsyncGenerator[str]:
        """:meth:`stream`, asynchronously."""
        async with aclosing(self.aevents(text)) as events:
            async for event in events:
                if isinstance(event, Token):
                    yield event.text

    async def aevents(self, text: str) -> AsyncGenerator[Event]:
        """:meth:`events`, asynchronously."""
        with self._writing():
            answering, given, steering = self._prepare(self._ask(text, self._tree.head))
            items = steering.aiterate(lambda: self._target.astream(given))
            try:
                for warning in self._memory.warnings():
                    yield Warned(warning)
                async with aclosing(items):
                    async for item in items:
                        for event in answering.take(item):
                            yield event
                messages = answering.result()
            except BaseException as error:
                for event in answering.fail(error):
                    yield event
                raise
            for event in self._finished(answering, messages):
                yield event

    def attach(self, path: str | Path) -> None:
        """Put the text file ``path`` before the next question.

        Raises:
            ConfigError: it cannot be read, is too large, or is no text.
        """
        self._attached.append(read_attachment(path))

    def attach_text(self, name: str, data: bytes) -> None:
        """Put the text ``data`` before the next question, as a file called ``name``.

        Raises:
            ConfigError: it is too large, or is no text.
        """
        self._attached.append(as_attachment(name, data))

    # Going on elsewhere

    def fork(self, name: str | None = None) -> Session:
        """A session that goes on from here on its own; stored if it has a ``name``."""
        twin = Session(self.target, self._memory, system=self.system)
        twin._store = self._journal.store if self._journal else self._store
        for node in self._tree.path():
            copied = node.message.model_copy(update={"id": None})
            twin._tree.add(
                Node(copied, twin._tree.head, node.status, node.error, node.seconds, node.created)
            )
        if name is not None:
            twin._begin_journal(name)
            twin._write()
        return twin

    def settle(self) -> None:
        """Wait for what goes on in the background (a summary), and keep what it made."""
        self._memory.settle()
        if self._journal and self._lock.acquire(blocking=False):
            try:
                self._write(force=True)
            finally:
                self._lock.release()

    # Inside

    def _run(self, ask: Callable[[], Node]) -> Generator[Event]:
        with self._writing():
            answering, given, steering = self._prepare(ask())
            items = steering.iterate(lambda: self._target.stream(given))
            try:
                for warning in self._memory.warnings():
                    yield Warned(warning)
                with closing(items):
                    for item in items:
                        yield from answering.take(item)
                messages = answering.result()
            except BaseException as error:
                yield from answering.fail(error)
                raise
            yield from self._finished(answering, messages)

    def _finished(self, answering: Answering, messages: list[BaseMessage]) -> list[Event]:
        events = answering.finish(messages)
        self._memory.update(self.shown)
        return events

    def _memory_state(self) -> Mapping[str, Any]:
        return self._memory.state()

    def _ask(self, text: str, parent: str | None) -> Node:
        """Add the question ``text`` below ``parent``: on the disk, or not there at all."""
        if not text.strip() and not self._attached:
            raise ConfigError("there is nothing to send: the text is empty")
        marks = with_sources([ATTACHED] if self._attached else [])
        node = Node(HumanMessage(self._with_attachments(text), response_metadata=marks), parent)
        before = self._tree.head, self._tree.undone
        self._tree.add(node)
        self._tree.undone = []
        try:
            self._keep([node])
        except BaseException:
            del self._tree.nodes[node.id]
            self._tree.head, self._tree.undone = before
            if self._journal:
                self._journal.forget(node)
            raise
        self._attached = []
        return node

    def _again(self) -> Node:
        user = self._last_user("retry")
        self._move(user.id, [])
        return user

    def _prepare(self, user: Node) -> tuple[Answering, Any, Steering]:
        """The answer to ``user`` to be grown, what the target is given for it, and what runs it."""
        assert isinstance(user.message, HumanMessage)
        answering = Answering(self._tree, user, lambda nodes: self._keep(nodes, force=True))
        try:
            said = [m for turn in self.turns[:-1] for m in turn.shown]
            view = self._memory.view(said)
            # Of all that was said: an answer may rest on what the memory shows no more.
            steering = Steering(sources_of([*said, user.message]))
            answering.found = steering.found
            return answering, self._target.input(self.system, view, user.message), steering
        except BaseException as error:
            answering.fail(error)
            raise

    def _with_attachments(self, text: str) -> str:
        # Half surrogates, as a terminal gives them for undecodable bytes, can be neither stored
        # nor read by a model.
        clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return "\n\n".join([*self._attached, *([clean] if clean.strip() else [])])

    def _made(self, memory: Memory | str | None) -> Memory:
        if memory is None:
            return BufferMemory()
        if isinstance(memory, str):
            return parse_memory(memory, self._target.model)
        if isinstance(memory, Memory):
            return memory
        raise ConfigError(
            f"a session's memory is a Memory or a text, not {type(memory).__name__}",
            hint='for example memory=WindowMemory(turns=4), or memory="window:4"',
        )


def _answer(events: Generator[Event]) -> AIMessage:
    return _last_answer(list(events))


def _last_answer(events: list[Event]) -> AIMessage:
    answer = events[-1]
    assert isinstance(answer, Answer)
    assert isinstance(answer.value, AIMessage)
    return answer.value


def _tokens(events: Generator[Event]) -> Generator[str]:
    with closing(events):
        for event in events:
            if isinstance(event, Token):
                yield event.text
