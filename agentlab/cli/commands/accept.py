"""``agentlab accept``: take on the drift of a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentlab.cli.app import new_app

app = new_app()


@app.command()
def accept(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The scenario; one cell of a matrix: ID[model=x].")
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATHS", help="Files or folders; the project's scenarios/ if none."),
    ] = None,
) -> None:
    """Keep the recorded answers of ID as the answers to today's requests.

    No model is called. Where a step needs a new answer, nothing is changed.
    """
    from agentlab.cli.commands.test import found_paths
    from agentlab.cli.console import Console
    from agentlab.scenarios.accept import accept as take_on

    console = Console()
    for accepted in take_on(name, found_paths(paths)):
        if not accepted.drifts:
            console.line(f"{accepted.case.name}: nothing to accept, it is as recorded")
        for drift in accepted.drifts:
            console.line(f"{accepted.case.name}: accepted {drift}")
