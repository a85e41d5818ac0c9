"""``agentlab models``: the models on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from agentlab.cli.app import new_app

app = new_app()


@app.command()
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """List the models on this machine: in the box, in models/, and fetched from the hub.

    A spec is what --model and load_model take. Hosted models (openai:NAME, cohere:NAME) are not
    listed.
    """
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table
    from agentlab.models.local import local_models, models_folder

    console = Console()
    found = local_models()
    if as_json:
        for model in found:
            console.line(json_of(model, ascii_only=console.out_is_terminal))
        return
    rows = [
        (
            model.spec,
            f"{model.size / 1e6:,.0f} MB",
            f"{model.parameter_count / 1e6:,.0f} M" if model.parameter_count else "",
            model.quantisation,
            f"{model.context_length:,}" if model.context_length else "",
            f"WRONG: {model.problem}" if model.problem else str(model.path),
        )
        for model in found
    ]
    write_table(console, ("spec", "size", "parameters", "kind", "context", "file"), rows)
    if console.interactive:
        console.note(f"put GGUF files into {models_folder()}", style="dim")
