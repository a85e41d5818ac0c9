"""``agentlab chat``: a conversation at the prompt."""

from __future__ import annotations

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
def chat(
    context: typer.Context,
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
) -> None:
    """Talk to a model. /help lists the commands, Ctrl-D leaves; every message is kept.

    From a pipe, each line is a turn: printf 'Hi!\\nAnd now?\\n' | agentlab chat
    """
    from agentlab.cli.console import Console
    from agentlab.cli.repl.loop import chat as talk

    options = options_of(
        model, params, memory, system, prompt, session, latest, attach, tools, docs, preset
    )
    code = talk(Console(), options, debug=bool((context.obj or {}).get("debug")))
    if code:
        raise typer.Exit(code)
