"""``agentlab doctor``: what is here, what is missing, and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from agentlab.cli.checkup import Check
    from agentlab.cli.console import Console

app = new_app()


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Say what is installed, which models and keys are found, and where files live.

    Exits with 1 when a needed part does not work. Keys are never shown.
    """
    from agentlab.cli.checkup import check_all
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of

    console = Console()
    found = check_all()
    broken = [check for check in found if check.state == "broken"]
    if as_json:
        report = {"ok": not broken, "checks": found}
        console.line(json_of(report, indent=2, ascii_only=console.out_is_terminal))
    else:
        _write(console, found)
    if broken:
        raise typer.Exit(1)


def _write(console: Console, found: list[Check]) -> None:
    width = max(len(check.name) for check in found)
    area = ""
    for check in found:
        if check.area != area:
            area = check.area
            console.line(area)
        mark = {"ok": "ok", "absent": "- ", "broken": "!!"}[check.state]
        console.line(f"  {mark} {check.name:<{width}}  {check.told}")
        if check.hint:
            console.line(f"     {'':<{width}}  -> {check.hint}")
