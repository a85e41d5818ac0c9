"""Running the command line: every error becomes a sentence on stderr and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from agentlab.cli.console import Console
from agentlab.errors import AgentLabError, TurnCancelled

EXIT_BUG = 1
EXIT_PIPE = 141  # as a process ended by SIGPIPE


def run(arguments: list[str]) -> int:
    """Run the command that ``arguments`` name; returns the exit code."""
    arguments, debug = _without_debug(arguments)
    for stream in (sys.stdout, sys.stderr):
        # Models can write what a terminal's encoding has no letter for.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.unraisablehook = _quiet_unraisable
    console = Console()
    try:
        code = _run(arguments or ["--help"], debug)
        console.out.flush()
    except BrokenPipeError:
        _drop_stdout()
        return EXIT_PIPE
    except (TurnCancelled, KeyboardInterrupt):
        _show_traceback(debug)
        console.note("stopped")
        return TurnCancelled.exit_code
    except AgentLabError as error:
        _show_traceback(debug)
        _tell(console, str(error), error.hint)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # the last place that can tell the user
        return _other(console, error, debug)
    return code


def _run(arguments: list[str], debug: bool) -> int:
    from agentlab.cli import quick_imports

    quick_imports.install()

    import typer

    from agentlab.cli.app import app

    command: Any = typer.main.get_command(app)
    try:
        with command.make_context("agentlab", arguments, obj={"debug": debug}) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def _other(console: Console, error: Exception, debug: bool) -> int:
    from typer import Abort, TyperException

    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "agentlab"
        _tell(console, _sentence(error.format_message()), f"see {path} --help")
        return error.exit_code
    if isinstance(error, Abort):
        console.note("stopped")
        return TurnCancelled.exit_code
    _show_traceback(debug)
    told = " ".join(str(error).split())
    _tell(
        console,
        f"unexpected {type(error).__name__}" + (f": {told}" if told else ""),
        "" if debug else "see where it happened with --debug",
    )
    return EXIT_BUG


def _tell(console: Console, message: str, hint: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        console.note(f"error: {message}", style="red")
        if hint:
            console.note(f"hint: {hint}")


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text[:1].lower() + text[1:]


def _without_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """``--debug`` may stand anywhere before ``--``; ``AGENTLAB_DEBUG=1`` says the same."""
    wanted = os.environ.get("AGENTLAB_DEBUG", "") not in ("", "0")
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [a for a in arguments[:end] if a != "--debug"]
    return kept + arguments[end:], wanted or len(kept) < end


def _show_traceback(debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()


def _drop_stdout() -> None:
    """Nobody reads stdout any more: let Python's last flush go nowhere, without an error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _quiet_unraisable(problem: Any) -> None:
    """A generator thrown away after a cancel may end with TurnCancelled: no news."""
    if not isinstance(problem.exc_value, TurnCancelled):
        sys.__unraisablehook__(problem)
