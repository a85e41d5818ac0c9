"""One line of input at a time: a question or a command."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentlab.cli.console import Console
from agentlab.cli.repl.blocks import unfenced
from agentlab.cli.repl.registry import Quit, find, literal, parse
from agentlab.errors import AgentLabError, ConfigError, TurnCancelled

if TYPE_CHECKING:
    from agentlab.cli.repl.chat import Chat
    from agentlab.cli.repl.opening import Opening
    from agentlab.cli.repl.turn import Ask


class Repl:
    """Answers lines until the user leaves; an error is told, and the chat goes on.

    Attributes:
        markdown: whether answers are drawn as Markdown.
        stats: whether what an answer used is shown after it.
        speed: what the last answer used and how fast it came, as a sentence.
        failure: the exit code of the last error, 0 where there was none.
    """

    def __init__(self, console: Console, opening: Opening, *, debug: bool = False) -> None:
        self.console = console
        self.opening = opening
        self.markdown = False
        self.stats = False
        self.speed = ""
        self.failure = 0
        self.used: int | None = None
        self._debug = debug
        self._notices = _Notices()
        logging.getLogger("agentlab").addHandler(self._notices)

    @property
    def chat(self) -> Chat:
        """The chat, waited for.

        Raises:
            AgentLabError: it could not be opened.
        """
        return self.opening.result()

    def handle(self, line: str) -> None:
        """Answer ``line``.

        Raises:
            Quit: it was the command to leave.
        """
        if not line.strip() and not (self.opening.chat and self.opening.chat.attached):
            return
        try:
            chat = self.chat  # that it cannot be opened ends the program
        except KeyboardInterrupt:
            self.console.note("stopped; nothing was sent", style="dim")
            return
        self._guarded(lambda: self._handle(chat, line))
        self._guarded(self._measure)
        self.tell_notices()

    def ask(self, ask: Ask) -> None:
        """Show an answer.

        Raises:
            TurnCancelled, AgentLabError: as :func:`agentlab.cli.repl.turn.answer`.
        """
        from agentlab.cli.repl.turn import answer

        chat = self.chat
        before = _last_turn(chat)
        try:
            writer = answer(chat, ask, self.console, markdown=self.markdown)
        finally:
            if _last_turn(chat) != before:  # the question is in the session, and its files
                chat.attached.clear()
        if writer.usage is not None:
            from agentlab.cli.repl.usage import speed_of

            self.speed = speed_of(writer.usage, writer.first)
            if self.stats:
                self.console.note(self.speed, style="dim")

    def load(self, name: str) -> None:
        """Go on with the stored session ``name``, on its own model or, without that, on this one.

        Raises:
            AgentLabError: there is none of that name, or the store is damaged.
        """
        from agentlab.cli.repl.chat import Chat, Options
        from agentlab.cli.repl.usage import counted

        old = self.chat
        known = old.store.load(name).settings
        try:
            new = Chat.open(Options(session=name))
        except AgentLabError as error:
            self.console.note(f"its own model {known.get('model')} cannot be used: {error}")
            new = Chat.open(Options(session=name, model=old.spec, parameters=old.parameters))
        self._go_to(new)
        turns = counted(len(new.session.turns), "turn")
        self.console.note(f"in {name}: {turns}, {new.spec}, {new.session.memory.spec}")

    def renew(self, name: str | None) -> None:
        """Begin another conversation, on the same model, prompt and memory.

        Raises:
            ConfigError: there is a session of that name, or it is no name.
        """
        from agentlab.cli.repl.chat import Chat, Options

        old = self.chat
        if name is not None and name in old.store.names():
            raise ConfigError(f"there is a session {name!r} already", hint=f"/load {name}")
        options = Options(
            model=old.spec,
            parameters=old.parameters,
            memory=old.session.memory.spec,
            system=old.session.system,
            prompt=old.prompt,
            session=name,
            docs=old.docs,
        )
        self._go_to(Chat.open(options))

    def _go_to(self, chat: Chat) -> None:
        self.chat.close()
        self.opening.replace(chat)

    def tell_notices(self) -> None:
        """Show what was logged in the meantime."""
        for message in self._notices.taken():
            self.console.note(f"warning: {message}")

    def close(self) -> None:
        """Store what was set since the last answer, and say where the conversation is."""
        logging.getLogger("agentlab").removeHandler(self._notices)
        chat = self.opening.chat
        if chat is not None:
            self._guarded(chat.close)
            if chat.session.name is not None and self.console.interactive:
                name = chat.session.name
                self.console.note(
                    f"kept as {name}; go on with: agentlab chat --session {_quoted(name)}",
                    style="dim",
                )

    def _handle(self, chat: Chat, line: str) -> None:
        command = parse(line)
        if command is not None:
            name, argument = command
            find(name).run(self, argument)
            return
        chat.keep()
        self.ask(lambda: chat.session.events(unfenced(literal(line))))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (Quit, BrokenPipeError):
            raise
        except TurnCancelled:
            self.console.note("stopped; what had come is kept, /retry asks again", style="dim")
        except KeyboardInterrupt:
            self.console.end_line()
            self.console.note("stopped", style="dim")
        except AgentLabError as error:
            self._tell(error, str(error), error.hint, error.exit_code)
        except Exception as error:  # noqa: BLE001 - the chat must go on
            told = " ".join(str(error).split())
            sentence = f"unexpected {type(error).__name__}" + (f": {told}" if told else "")
            self._tell(error, sentence, "see where it happened with --debug", 1)

    def _tell(self, error: Exception, sentence: str, hint: str, code: int) -> None:
        self.failure = code
        self.console.end_line()
        if self._debug:
            import traceback

            self.console.note("".join(traceback.format_exception(error)))
        self.console.note(f"error: {sentence}", style="red")
        if hint:
            self.console.note(f"hint: {hint}")

    def _measure(self) -> None:
        from agentlab.cli.repl.usage import context_use

        chat = self.opening.chat
        if chat is not None and self.console.interactive:
            self.used = context_use(chat)


class _Notices(logging.Handler):
    """Keeps warnings for a moment at which they do not fall into the line that is being typed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Of a memory's warnings the session makes events.
        if record.name != "agentlab.memory":
            self._messages.append(record.getMessage())

    def taken(self) -> list[str]:
        taken, self._messages = self._messages, []
        return taken


def _last_turn(chat: Chat) -> str:
    turns = chat.session.turns
    return turns[-1].id if turns else ""


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)
