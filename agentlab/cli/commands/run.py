"""``agentlab run``: run a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app
from agentlab.cli.commands._reasoning import (
    AnswerKind,
    Choices,
    Cot,
    Reasoned,
    Regex,
    Schema,
    Tree,
    Vote,
    Votes,
)
from agentlab.cli.commands._talking import Preset

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from agentlab.cli.console import Console

app = new_app()


@app.command()
def run(
    chain: Annotated[
        str,
        typer.Argument(
            metavar="CHAIN",
            help="story, business, product, question, card, a prompt's name, or "
            "module:attribute of your own.",
        ),
    ],
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT", help="The value of the one variable that is not set; - reads stdin."
        ),
    ] = None,
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
        typer.Option(metavar="SPEC", help="smollm2, gguf:PATH, openai:NAME, …"),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the model."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same as --param seed=….")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="STEP", help="Run no further than this step.")
    ] = None,
    preset: Preset = None,
    cot: Cot = False,
    tree: Tree = False,
    answer: AnswerKind = None,
    votes: Votes = None,
    vote: Vote = None,
    choices: Choices = None,
    regex: Regex = None,
    schema: Schema = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write every event as a line of JSON.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", help="Show the answers as they come.")
    ] = True,
) -> None:
    """Run CHAIN and write its answers to stdout.

    agentlab run story --set summary="a girl that lost her mother"

    agentlab run reason/question --cot --self-consistency 5 "What is 17 * 3?"
    """
    from agentlab.cli.console import Console
    from agentlab.cli.values import read_input, read_params, read_values

    reasoned = Reasoned(cot, tree, answer, votes, vote, choices, regex, schema)
    reasoned.check()
    values = read_values(texts or [], jsons or [])
    parameters = read_params(params or [])
    if seed is not None:
        parameters["seed"] = seed
    if preset is not None:
        from agentlab.reasoning.presets import preset as settings_of

        parameters = {**settings_of(preset), **parameters}
    runnable = _loaded(chain, model, parameters, until, reasoned)
    runnable = reasoned.around(runnable, parameters.get("temperature"))

    from agentlab.chains.steps import needs

    given = read_input(text, values, needs(runnable))
    show(Console(), runnable, given, as_json=as_json, stream=stream)


def show(
    console: Console, runnable: Runnable[Any, Any], given: Any, *, as_json: bool, stream: bool
) -> None:
    """Run ``runnable``, stopped by Ctrl-C, and write what happens."""
    from agentlab.chains import events_of
    from agentlab.cli.answers import AnswerWriter
    from agentlab.cli.interrupts import interruptible
    from agentlab.cli.jsonlines import write_event

    writer = AnswerWriter(console)
    with interruptible():
        try:
            for event in events_of(runnable, given, stream=stream):
                if as_json:
                    write_event(console, event)
                else:
                    writer.hear(event)
        finally:
            writer.close()


def _loaded(
    name: str,
    model: str | None,
    parameters: dict[str, Any],
    until: str | None,
    reasoned: Reasoned,
) -> Runnable[Any, Any]:
    import sys
    from pathlib import Path

    from agentlab.chains import Chain, load_chain
    from agentlab.errors import ChainError

    # The command is installed elsewhere, and the user's modules are here.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    runnable = _of_prompt(name, model, parameters, reasoned) or load_chain(
        name, model, **parameters
    )
    if until is None:
        return runnable
    if not isinstance(runnable, Chain):
        raise ChainError(f"{name} has no steps, so it can't be run until {until!r}")
    return runnable.until(until)


def _of_prompt(
    name: str, model: str | None, parameters: dict[str, Any], reasoned: Reasoned
) -> Runnable[Any, Any] | None:
    """The prompt ``name`` and a model; None where it is a chain's name, or none at all.

    Raises:
        ConfigError: there is no such prompt, and what thinks first needs one.
    """
    from agentlab.chains.library import CHAINS
    from agentlab.errors import ChainError, PromptError
    from agentlab.models import load_model
    from agentlab.prompts import load_prompt

    thinking = reasoned.thinking
    if name in CHAINS or ":" in name:
        if thinking:
            raise ChainError(
                f"{name} is a chain, and {thinking} is for a prompt",
                hint=f'agentlab run reason/question {thinking} "…", or any that '
                "`agentlab prompts` lists",
            )
        return None
    try:
        prompt = load_prompt(name)
    except PromptError:
        if thinking or name.endswith(".md") or "/" in name:
            raise
        return None  # what is told of an unknown name is the chains' part
    return reasoned.of_prompt(prompt, load_model(model, **parameters))
