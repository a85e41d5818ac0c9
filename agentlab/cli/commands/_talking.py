"""The options that ``chat`` and ``ask`` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agentlab.cli.repl.chat import Options

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="SPEC", help="smollm2, gguf:PATH, openai:NAME, …"),
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the model."),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Sampling for brainstorming, email, creative_writing or translation.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="MEMORY",
        help="What the model is shown of the past: buffer, window:4, tokens:2000, tokens:50%, "
        "summary, summary_buffer:3.",
    ),
]
System = Annotated[
    str | None,
    typer.Option("--system", "-s", metavar="PROMPT", help="The system text; @FILE reads a file."),
]
PromptName = Annotated[
    str | None,
    typer.Option("--prompt", metavar="NAME", help="A prompt for conversations; none: no prompt."),
]
SessionName = Annotated[
    str | None,
    typer.Option("--session", metavar="NAME", help="Go on with this conversation, or begin it."),
]
Continue = Annotated[
    bool, typer.Option("--continue", "-c", help="Go on with the last conversation.")
]
Attach = Annotated[
    list[str] | None,
    typer.Option("--attach", "-a", metavar="FILE", help="A text file for the first question."),
]
Tools = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="Tools that may be used; `agentlab tools` lists them."),
]
Docs = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Answer from the index in DIR, with citations; or off."),
]


def options_of(
    model: str | None,
    params: list[str] | None,
    memory: str | None,
    system: str | None,
    prompt: str | None,
    session: str | None,
    latest: bool,
    attach: list[str] | None,
    tools: str | None,
    docs: str | None,
    preset: str | None,
    approve: str = "",
) -> Options:
    """The options as a chat takes them.

    Raises:
        ConfigError: two of them do not go together, or one is malformed.
    """
    from agentlab.cli.repl.chat import Options
    from agentlab.cli.values import read_params, read_values
    from agentlab.errors import ConfigError

    if session is not None and latest:
        raise ConfigError("--session and --continue name two sessions", hint="give one of them")
    text = read_values([f"system={system}"], [])["system"] if system is not None else None
    parameters = read_params(params or [])
    if preset is not None:
        from agentlab.reasoning.presets import preset as settings_of

        parameters = {**settings_of(preset), **parameters}
    return Options(
        model=model,
        parameters=parameters,
        memory=memory,
        system=text,
        prompt=prompt,
        session=session,
        latest=latest,
        attach=tuple(attach or ()),
        tools=tuple(name.strip() for name in (tools or "").split(",") if name.strip()),
        docs=docs,
        approve=approve,
    )
