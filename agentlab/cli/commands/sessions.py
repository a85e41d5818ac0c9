"""``agentlab sessions``: the conversations that are stored."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentlab.cli.app import new_app
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.session import Listed

app = new_app(invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The session's name.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write to FILE, not to stdout.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")]


@app.callback()
def sessions(context: typer.Context) -> None:
    """List, show, export, import or delete stored conversations."""
    if context.invoked_subcommand is None:
        list_all()


@app.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """List the stored sessions, last used first."""
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table
    from agentlab.session import Store

    console, store = Console(), Store()
    found = store.list()
    if as_json:
        for listed in found:
            console.line(json_of(listed, ascii_only=console.out_is_terminal))
        return
    if found or not console.interactive:
        write_table(console, *table_of(found))
    else:
        console.note(f"no sessions are stored yet in {store.path}", style="dim")


@app.command()
def show(name: Name) -> None:
    """Show a session as Markdown: its present branch."""
    from agentlab.cli.console import Console
    from agentlab.session import export

    console = Console()
    console.answer(export(name, "md"))
    console.end_line()


@app.command("export")
def export_one(
    name: Name,
    kind: Annotated[
        str, typer.Option("--format", metavar="md|json|py", help="py is a script that runs.")
    ] = "md",
    out: Out = None,
    force: Force = False,
) -> None:
    """Write a session as Markdown, as JSON with all its branches, or as a Python script."""
    from typing import cast

    from agentlab.cli.console import Console
    from agentlab.cli.delivery import deliver
    from agentlab.session import export
    from agentlab.session.exporting import Format

    deliver(Console(), export(name, cast(Format, kind)), out, force=force)


@app.command("import")
def import_one(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON from export, or - for stdin.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Store it as NAME.")] = None,
) -> None:
    """Store a session from exported JSON; says under which name."""
    from agentlab.cli.console import Console
    from agentlab.session import import_json

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"{str(file)!r} cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{str(file)!r} is not UTF-8 text") from error
    Console().line(import_json(text, name))


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a session for good, with all its branches."""
    from agentlab.cli.console import Console
    from agentlab.session import Store

    console, store = Console(), Store()
    count = len(store.load(name).tree.nodes)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"deleting {name!r} must be confirmed", hint="add --yes")
        console.note(f"delete {name!r} with its {count} messages? [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            console.note("nothing was deleted")
            return
    store.delete(name)
    console.note(f"deleted {name!r}")


@app.command()
def recover(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The damaged store; else the usual one.")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Write what is readable in a damaged store as JSON. The store is left as it is."""
    import json

    from agentlab.cli.console import Console
    from agentlab.cli.delivery import deliver
    from agentlab.session import Store
    from agentlab.session import recover as recovered

    console = Console()
    found = recovered(path or Store().path)
    deliver(console, json.dumps(found, indent=2) + "\n", out, force=force)
    sessions, loose, problems = (len(found[k]) for k in ("sessions", "loose", "problems"))
    messages = sum(len(session["messages"]) for session in found["sessions"])
    console.note(
        f"{sessions} sessions with {messages} messages, {loose} loose messages, {problems} problems"
    )


def table_of(found: list[Listed]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """The head and the rows of a list of sessions."""
    from datetime import UTC, datetime

    rows = [
        (
            listed.name,
            str(listed.messages),
            datetime.fromtimestamp(listed.updated, UTC).astimezone().strftime("%Y-%m-%d %H:%M"),
            _short(listed.first),
        )
        for listed in found
    ]
    return ("session", "messages", "last used", "begins with"), rows


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
