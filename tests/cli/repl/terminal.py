"""A person at a terminal: a real pseudo-terminal, and an emulator that knows what is on it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pyte

from tests.cli.conftest import AGENTLAB

ALT_ENTER = "\x1b\r"
CTRL_C, CTRL_D, CTRL_R = "\x03", "\x04", "\x12"
EDITOR_KEYS = "\x18\x05"


class Terminal:
    """``agentlab`` with ``arguments``, on a terminal of its own."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        rows: int = 24,
        columns: int = 100,
        program: Sequence[str] = (AGENTLAB,),
        **environment: str,
    ) -> None:
        self.raw = ""
        self.child: Any = pexpect.spawn(
            program[0],
            [*program[1:], *arguments],
            cwd=str(cwd),
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "PYTHONFAULTHANDLER": "1",  # for _stuck
                **environment,
            },
            encoding="utf-8",
            dimensions=(rows, columns),
        )
        self.child.delaybeforesend = None
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.001)
        # Questions of the program, such as where the cursor is, are answered as a terminal does.
        self._screen.write_process_input = self.child.send
        self._stream = pyte.Stream(self._screen)

    @property
    def text(self) -> str:
        """All lines so far, those that have left the screen first."""
        columns = self._screen.columns
        gone = ("".join(line[x].data for x in range(columns)) for line in self._screen.history.top)
        return "\n".join(line.rstrip() for line in (*gone, *self._screen.display))

    @property
    def line(self) -> str:
        """The line that the cursor is in."""
        return str(self._screen.display[self._screen.cursor.y]).rstrip()

    @property
    def bar(self) -> str:
        """The last line with something in it."""
        return next((x.strip() for x in reversed(self._screen.display) if x.strip()), "")

    def read(self, seconds: float = 0.05) -> None:
        """Take what comes within ``seconds``."""
        try:
            piece = self.child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return
        self.raw += piece
        self._stream.feed(piece)

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Read until ``condition()``, at most ``seconds``."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"nothing came of it:\n{self.text}"
            try:
                self.read()
            except pexpect.EOF as ended:
                raise pexpect.EOF(f"the program ended; it wrote:\n{self.text}") from ended

    def see(self, text: str, seconds: float = 60) -> None:
        """Read until ``text`` is there."""
        self.until(lambda: text in self.text, seconds)

    def ready(self, seconds: float = 60) -> None:
        """Read until the prompt is there, and empty."""
        self.until(lambda: self.line == ">", seconds)

    def wait(self, seconds: float) -> None:
        """Read for ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def enter(self, line: str, seconds: float = 60) -> str:
        """Type ``line`` and Enter, wait for the next prompt, and return what was shown."""
        self.ready(seconds)
        start = self.text.rindex("\n>")
        prompts = self._prompts()
        self.type(f"{line}\r")
        self.until(lambda: self._prompts() > prompts and self.line == ">", seconds)
        return self.text[start : self.text.rindex("\n>")].strip("\n")

    def _prompts(self) -> int:
        return len(re.findall(r"^>( |$)", self.text, re.MULTILINE))

    def paste(self, text: str) -> None:
        """Paste ``text``, as a terminal with bracketed paste does."""
        self.child.send(f"\x1b[200~{text}\x1b[201~")

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size; the program gets SIGWINCH."""
        self._screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def end(self, seconds: float = 120) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.read(1)
            except pexpect.EOF:
                break
        else:
            raise AssertionError(f"it did not end:\n{self._stuck()}")
        # The terminal is let go before the process can be waited for, and a close in between
        # would hang up on it.
        while self.child.isalive() and time.monotonic() < end:
            time.sleep(0.05)
        self.child.close()
        code = self.child.exitstatus
        assert code is not None, f"ended by signal {self.child.signalstatus}:\n{self.text}"
        return int(code)

    def _stuck(self) -> str:
        """What is on the screen, and where each thread is; the program ends by it."""
        self.child.kill(signal.SIGABRT)
        with contextlib.suppress(pexpect.EOF):
            for _ in range(20):
                self.read(0.5)
        return self.text
