"""The commands' names and what each is for. A command's module is imported when it is used.

To add one: write ``commands/NAME.py`` with an ``app`` (see :func:`new_app`), and add a line to
:data:`COMMANDS`.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agentlab import __version__

# name -> one line of help; the module is agentlab.cli.commands.NAME
COMMANDS = {
    "chat": "Talk to a model; the conversation is kept.",
    "ask": "Ask one question, in a pipe too.",
    "run": "Run a chain: one that ships, or module:attribute.",
    "demo": "See the main job on the model in the box: a story, an answer, JSON.",
    "prompts": "List the prompts, or show exactly what the model will see.",
    "tools": "List the tools, show one, or run one as an agent would.",
    "index": "Build an index of files, look at it, change it, check it.",
    "search": "Search an index by meaning, by words, or both.",
    "rag": "Answer a question from an index, with sources.",
    "test": "Replay scenarios as tests, or record them.",
    "accept": "Take on what changed in a scenario's requests; its recorded answers stay.",
    "schema": "Write the JSON schema of scenario files, for editors.",
    "sessions": "List, show, export, import or delete stored conversations.",
    "tune": "Find which stages of a search pay on your own questions.",
    "eval": "Measure a search or answers, with intervals.",
    "models": "List the models on this machine.",
    "doctor": "Say what is installed, which models and keys are found, and where files live.",
}


class LazyCommands(TyperGroup):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of :data:`COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the command ``cmd_name``; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"agentlab.cli.commands.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; the error for an unknown one names the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            told = f"; did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"there is no command {name!r}{told}")
        return super().resolve_command(ctx, args)


def new_app(**settings: Any) -> typer.Typer:
    """A typer app whose help is plain text and whose errors come to :mod:`agentlab.cli.entry`."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


app = new_app(cls=LazyCommands)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"agentlab {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="After an error, show where in the code it happened.")
    ] = False,
) -> None:
    """Chains, agents and retrieval over language models, each run watched and replayable."""
