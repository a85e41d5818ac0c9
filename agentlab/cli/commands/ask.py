"""``agentlab ask``: one question, one answer."""

from __future__ import annotations

from typing import Annotated

import typer

from agentlab.cli.app import new_app
from agentlab.cli.commands._talking import (
    Attach,
    Continue,
    Docs,
    Memory,
    Model,
    Params,
    Preset,
    PromptName,
    SessionName,
    System,
    Tools,
    options_of,
)

app = new_app()


@app.command()
def ask(
    question: Annotated[
        list[str] | None,
        typer.Argument(metavar="[QUESTION]", help="The question; without it, or for -, stdin."),
    ] = None,
    model: Model = None,
    memory: Memory = None,
    system: System = None,
    prompt: PromptName = None,
    session: SessionName = None,
    latest: Continue = False,
    tools: Tools = None,
    docs: Docs = None,
    params: Params = None,
    preset: Preset = None,
    attach: Attach = None,
    approve: Annotated[
        str,
        typer.Option(
            metavar="all|none",
            help="Decide beforehand on tools with side effects, where nobody can be asked.",
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Write every event as a line of JSON.")
    ] = False,
) -> None:
    """Write the answer to QUESTION to stdout, and nothing else.

    With a question, what is piped in goes before it as a file: agentlab ask "Sum it up." < notes.md
    """
    from agentlab.cli.console import Console
    from agentlab.cli.repl.asking import answer_once

    options = options_of(
        model,
        params,
        memory,
        system,
        prompt,
        session,
        latest,
        attach,
        tools,
        docs,
        preset,
        approve,
    )
    answer_once(Console(), options, " ".join(question or []), as_json=as_json)
