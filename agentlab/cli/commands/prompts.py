"""``agentlab prompts``: what prompts there are, and what a model will see of one."""

from __future__ import annotations

from typing import Annotated

import typer

from agentlab.cli.app import new_app

app = new_app(invoke_without_command=True)


@app.callback()
def prompts(context: typer.Context) -> None:
    """List the prompts, or show exactly what the model will see."""
    if context.invoked_subcommand is None:
        list_all()


@app.command("list")
def list_all(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """List the prompts: the project's own, then those that ship."""
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table
    from agentlab.prompts import list_prompts

    console = Console()
    found = list_prompts()
    if as_json:
        for info in found:
            record = {
                "name": info.name,
                "description": info.description,
                "variables": {v.name: {"required": v.required} for v in info.variables},
                "file": info.file,
                "shipped": info.shipped,
                "problem": info.problem,
            }
            console.line(json_of(record, ascii_only=console.out_is_terminal))
        return
    rows = [
        (
            info.name,
            " ".join(v.name if v.required else f"[{v.name}]" for v in info.variables),
            f"WRONG: {info.problem}" if info.problem else info.description,
        )
        for info in found
    ]
    write_table(console, ("prompt", "variables", "what it is for"), rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="story/title, or a path ending .md")],
    texts: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=TEXT", help="A variable; @FILE reads a file."),
    ] = None,
    jsons: Annotated[
        list[str] | None,
        typer.Option("--set-json", metavar="NAME=JSON", help="A variable that is not a text."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Show it in this model's own chat template."),
    ] = None,
) -> None:
    """Show exactly what the model will see.

    agentlab prompts show story/title --set summary="a lost dog" --model smollm2
    """
    from agentlab.cli.console import Console
    from agentlab.cli.values import read_values
    from agentlab.prompts import load_prompt, render_text

    prompt = load_prompt(name)
    values = read_values(texts or [], jsons or [])
    loaded = None
    if model is not None:
        prompt.render(values)  # what is missing is told before a model is loaded
        from agentlab.models import load_model

        loaded = load_model(model)
    Console().line(render_text(prompt, values, loaded))
