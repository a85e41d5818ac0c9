"""What a chat talks to, and how that is opened and changed in the middle."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.cli.repl.loading import Loading
from agentlab.cli.repl.target import NO_PROMPT, PROMPT, build, folder_of
from agentlab.errors import AgentLabError, ConfigError, SessionBusy

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agentlab.session import Session, Store

# What stays set when another model takes over; the rest (addresses, sizes) is one model's own.
SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "max_tokens",
    "stop",
)


@dataclass(frozen=True)
class Options:
    """What a chat is opened with; None and empty is what the session has, or the default.

    ``latest`` opens the session that was used last; ``docs`` is the folder of an index, or ``off``;
    ``approve`` is who decides on side effects, see :func:`~agentlab.cli.repl.approving.approver`.
    """

    model: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    memory: str | None = None
    system: str | None = None
    prompt: str | None = None
    session: str | None = None
    latest: bool = False
    attach: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    docs: str | None = None
    approve: str = ""


class Chat:
    """A session, and the names of all that it is made of.

    Attributes:
        spec: the model's; ``parameters`` are those set on it.
        prompt: a prompt's name, or ``none`` for the bare model.
        tools: the names of the tools that may be used; with any, an agent answers.
        docs: the folder of the index that answers are from; empty where there is none.
        attached: the names of files that go with the next question.
    """

    def __init__(
        self,
        store: Store,
        session: Session,
        spec: str,
        parameters: dict[str, Any],
        loaded: BaseChatModel,
        prompt: str,
        pending: str | None = None,
        tools: tuple[str, ...] = (),
        docs: str = "",
        approve: str = "",
    ) -> None:
        self.store = store
        self.session = session
        self.spec = spec
        self.parameters = parameters
        self._loaded = loaded
        self.prompt = prompt
        self.tools = tools
        self.docs = docs
        self.approve = approve
        self.attached: list[str] = []
        self._pending = pending
        self.loading = Loading(self.model)

    @classmethod
    def open(cls, options: Options) -> Chat:
        """The chat that ``options`` describe; a stored session brings its own settings.

        Raises:
            AgentLabError: a name, file or value is wrong, or the store is damaged.
        """
        from agentlab.models import load_model
        from agentlab.session import Session, Store
        from agentlab.session.store import check_name

        store = Store()
        name = options.session
        if name is not None:
            check_name(name)
        elif options.latest:
            name = next(iter(store.names()), None)
            if name is None:
                raise ConfigError("there is no session to go on with", hint="agentlab chat")
        known = store.load(name).settings if name is not None and name in store.names() else None
        try:
            spec, parameters, prompt = _settings(options, known)
            loaded = load_model(spec, **parameters)
        except AgentLabError as error:
            _hint(error, "with another model: --model SPEC", known and not options.model)
            raise
        docs = folder_of((known or {}).get("docs", "") if options.docs is None else options.docs)
        try:
            target = build(loaded, prompt, options.tools, docs, options.approve)
        except AgentLabError as error:
            _hint(error, "without its documents: --docs off", docs and options.docs is None)
            raise
        if known is not None and name is not None:
            session = Session.load(name, target, options.memory, store, options.system)
            name = None
        else:
            session = Session(target, options.memory, store=store, system=options.system)
        made = (store, session, spec, parameters, loaded, prompt, name)
        chat = cls(*made, options.tools, docs, options.approve)
        for path in options.attach:
            chat.attach(path)
        return chat

    @property
    def model(self) -> BaseChatModel:
        """The chat model that answers."""
        from agentlab.session.target import find_model

        model = find_model(self.session.target)
        assert model is not None
        return model

    @property
    def name(self) -> str:
        """The session's name, empty before the first question of a new one."""
        return self.session.name or self._pending or ""

    @property
    def label(self) -> str:
        """The model's spec, without the folders of a file."""
        return short(self.spec)

    # Changing what answers

    def switch_model(self, spec: str, given: dict[str, Any]) -> list[str]:
        """Go on with the model ``spec``; returns the parameters it did not take over.

        Raises:
            AgentLabError: it cannot be had; the old one stays.
        """
        kept = self.parameters if spec == self.spec else _only(self.parameters, SAMPLING)
        parameters, left = fitting(spec, given, {k: v for k, v in kept.items() if k not in given})
        self._rebuild(spec, parameters, self.prompt)
        return left

    def set_parameter(self, name: str, value: Any) -> None:
        """Set a parameter of the model; None takes it back to its default.

        Raises:
            ConfigError: the model has no such parameter, or not with that value.
        """
        parameters = {k: v for k, v in self.parameters.items() if k != name}
        if value is not None:
            parameters[name] = value
        self._rebuild(self.spec, parameters, self.prompt)

    def set_prompt(self, prompt: str) -> None:
        """Go on with another prompt.

        Raises:
            ConfigError: there is none of that name, or it has no place for a conversation.
        """
        self._rebuild(self.spec, self.parameters, prompt)

    def set_tools(self, names: tuple[str, ...]) -> None:
        """Let the model use these tools from now on; none: no tools.

        Raises:
            ConfigError: there is no tool of a name.
        """
        before, self.tools = self.tools, names
        try:
            self._rebuild(self.spec, self.parameters, self.prompt)
        except AgentLabError:
            self.tools = before
            raise

    def set_docs(self, folder: str) -> None:
        """Answer from the index in ``folder`` from now on, with citations; ``off``: no longer.

        Raises:
            ConfigError: there is no index in it, or tools are in use.
            CorruptStore: it is damaged.
        """
        before, self.docs = self.docs, folder_of(folder)
        try:
            self._rebuild(self.spec, self.parameters, self.prompt)
        except AgentLabError:
            self.docs = before
            raise

    def set_memory(self, spec: str) -> None:
        """Show the model another view of the conversation from now on.

        Raises:
            ConfigError: there is no such memory.
        """
        from agentlab.memory import parse_memory

        memory = parse_memory(spec, self.model)
        memory.restore(self.session.memory.state())
        self.session.memory = memory

    def _rebuild(self, spec: str, parameters: dict[str, Any], prompt: str) -> None:
        from agentlab.memory import parse_memory
        from agentlab.models import load_model
        from agentlab.session.target import Target

        same = (spec, parameters) == (self.spec, self.parameters)
        loaded = self._loaded if same else load_model(spec, **parameters)
        target = build(loaded, prompt, self.tools, self.docs, self.approve)
        old = self.session.memory
        memory = parse_memory(old.spec, Target(target).model)
        memory.restore(old.state())
        self.session.target = target
        self.session.memory = memory
        self.spec, self.parameters, self.prompt = spec, parameters, prompt
        self._loaded = loaded
        on_end = self.loading.on_end
        self.loading = Loading(self.model)
        self.loading.on_end = on_end
        self.loading.start()

    # Keeping

    def attach(self, path: str) -> None:
        """Put a text file before the next question.

        Raises:
            ConfigError: it cannot be read, or is no text.
        """
        self.session.attach(path)
        self.attached.append(path)

    def keep(self) -> None:
        """Have the session stored from now on, under its name or a new one.

        Raises:
            StoreError: the store cannot be written.
        """
        from agentlab.session.naming import free_name

        if self.session.name is not None:
            return
        name = self._pending or datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        taken = self.store.names()
        self.session.save(free_name(name, taken) if name in taken else name)
        self._pending = None

    def fork(self, name: str | None) -> None:
        """Go on in a copy of the conversation.

        Raises:
            ConfigError: there is a session of that name, or it is no name.
        """
        from agentlab.session.naming import free_name

        name = name or free_name(self.name or "fork", self.store.names())
        self.session = self.session.fork(name)
        self.attached.clear()

    def close(self) -> None:
        """Store what was set since the last answer; where another process went on, its settings
        stand.

        Raises:
            StoreError: the store cannot be written.
        """
        if self.session.name is not None:
            with contextlib.suppress(SessionBusy):
                self.session.save(self.session.name)


def short(spec: str) -> str:
    """``spec`` without the folders of a file."""
    kind, _, name = spec.partition(":")
    return f"{kind}:{Path(name).name}" if kind in ("gguf", "scripted") else spec


def fitting(
    spec: str, given: dict[str, Any], kept: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """``given`` with what of ``kept`` the model ``spec`` takes, and the names it does not.

    Raises:
        AgentLabError: the model cannot be had with ``given``.
    """
    from agentlab.models import load_model

    load_model(spec, **given)  # what is wrong with the spec itself is told as it is
    try:
        load_model(spec, **given, **kept)
    except ConfigError:
        parameters, left = dict(given), []
    else:
        return {**given, **kept}, []
    for name, value in kept.items():
        try:
            load_model(spec, **parameters, **{name: value})
        except ConfigError:
            left.append(name)
        else:
            parameters[name] = value
    return parameters, left


def _settings(options: Options, known: dict[str, Any] | None) -> tuple[str, dict[str, Any], str]:
    """The model's spec and parameters and the prompt's name, from the options or the session."""
    from agentlab.config import settings

    stored = known or {}
    spec = options.model or stored.get("model") or settings().model
    parameters = {} if options.model else _stored(stored.get("parameters") or {}, options)
    # Of an answer from documents the prompt is kept only where it is not the usual one.
    default = PROMPT if known is None or "docs" in known else NO_PROMPT
    return spec, parameters | options.parameters, options.prompt or stored.get("prompt", default)


def _hint(error: AgentLabError, also: str, if_: object) -> None:
    """Say in ``error``'s hint what else can be done, if it can."""
    if if_:
        error.hint = f"{error.hint}, or {also}" if error.hint else also


def _stored(parameters: dict[str, Any], options: Options) -> dict[str, Any]:
    """The parameters that a session brings. A server's address is not one: a session may be
    somebody else's, and whoever is at that address is sent the user's key and questions.
    """
    address = parameters.get("base_url")
    given = options.parameters.get("base_url") or os.environ.get("OPENAI_BASE_URL")
    if address and not given:
        raise ConfigError(
            f"this session was held with the server at {address}",
            hint=f"go on with it: --param base_url={address}",
        )
    return _only(parameters, (*SAMPLING, "n_ctx"))


def _only(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}
