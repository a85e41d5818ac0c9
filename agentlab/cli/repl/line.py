"""The line editor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.input import Input
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.styles import Style

from agentlab.cli.repl.bar import bar
from agentlab.cli.repl.completion import ReplCompleter
from agentlab.cli.repl.history_file import HistoryFile
from agentlab.cli.repl.keys import bindings
from agentlab.cli.repl.registry import MARK
from agentlab.config import settings
from agentlab.safe_text import visible

if TYPE_CHECKING:
    from agentlab.cli.repl.repl import Repl

_STYLE = Style.from_dict({"prompt": "bold", "bottom-toolbar": "noreverse dim"})


class _Harmless(Processor):
    """Shows direction controls in what is pasted as a sign; control characters are already."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        fragments = transformation_input.fragments
        return Transformation([(f[0], "".join(map(_sign, f[1]))) for f in fragments])


def _sign(character: str) -> str:
    return character if len(visible(character)) == 1 or character < "\xa0" else "\ufffd"


class Line:
    """Reads what the user types, one message at a time.

    ``on_drawn`` is called once, when the first prompt is on the screen.
    """

    def __init__(
        self,
        repl: Repl,
        history: Path,
        on_drawn: Callable[[], None],
        *,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._prompt: PromptSession[str] = PromptSession(
            message=[("class:prompt", "> ")],
            prompt_continuation="  ",
            multiline=True,
            history=HistoryFile(history),
            completer=ReplCompleter(repl),
            complete_in_thread=True,
            # Otherwise room for the menu is kept free below every line.
            complete_while_typing=Condition(_is_command),
            bottom_toolbar=lambda: bar(repl),
            key_bindings=bindings(),
            vi_mode=settings().vi_keys,
            enable_open_in_editor=True,
            enable_suspend=True,
            tempfile_suffix=".md",
            input_processors=[_Harmless()],
            style=_STYLE,
            input=input,
            output=output or create_output(always_prefer_tty=True),
        )
        self._on_drawn: Callable[[], None] | None = on_drawn
        self._prompt.app.after_render += self._drawn

    def read(self) -> str:
        """The next message.

        Raises:
            KeyboardInterrupt: Ctrl-C; :attr:`left` is what was in the line.
            EOFError: Ctrl-D in an empty line.
            AgentLabError: what :meth:`fail` was given.
        """
        return self._prompt.prompt()

    @property
    def left(self) -> str:
        """What is in the line."""
        return self._prompt.default_buffer.text

    def redraw(self) -> None:
        """Draw the bar again, from any thread."""
        self._prompt.app.invalidate()

    def fail(self, error: BaseException) -> None:
        """End :meth:`read` with ``error``, from any thread; nothing happens outside of it."""
        app, loop = self._prompt.app, self._prompt.app.loop
        if loop is not None and app.is_running:
            loop.call_soon_threadsafe(lambda: app.is_running and app.exit(exception=error))

    def _drawn(self, _app: Any) -> None:
        if self._on_drawn is not None:
            told, self._on_drawn = self._on_drawn, None
            told()


def _is_command() -> bool:
    return get_app().current_buffer.text.startswith(MARK)
