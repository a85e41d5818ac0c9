"""``agentlab rag``: an answer from an index, with its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from agentlab.cli.console import Console
    from agentlab.events import Event

app = new_app()
_MODES = ("dense", "keyword", "hybrid")


@app.command()
def rag(
    folder: Annotated[
        str,
        typer.Argument(metavar="DIR", help="The folder of the index, or a YAML file of sources."),
    ],
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The question; - reads stdin.")
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="SPEC", help="smollm2, gguf:PATH, openai:NAME, …"),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the model."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            help="How it is searched: dense (by meaning), keyword (BM25) or hybrid (both), the "
            "default; and simple, rewrite, multi-query, links, multi-hop, route, corrective, "
            "agentic, auto, also several: dense,rewrite,multi-hop."
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "--k",
            "-k",
            help="How many chunks are found, and answered from: 4; multi-hop, agentic and auto "
            "answer from 10.",
        ),
    ] = None,
    rerank: Annotated[
        bool | None,
        typer.Option(
            "--rerank/--no-rerank", help="Read the best 10 again, together with the question."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Leave out what is less fit, all of it if need be.")
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt", metavar="NAME", help="A prompt for answers from documents: rag/answer."
        ),
    ] = None,
    quote: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Quote the documents' best sentence: never, else (where the model finds no "
            "answer; the default for an index) or always (no model is asked).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write every event as a line of JSON.")
    ] = False,
) -> None:
    """Answer QUESTION from the index in DIR, and say where each sentence is from.

    Options given here come before those of a YAML file.

    agentlab rag my-index "how do I record a run?" -m gguf:model.gguf
    """
    from agentlab.cli.console import Console
    from agentlab.cli.interrupts import interruptible
    from agentlab.cli.jsonlines import write_event
    from agentlab.cli.searching import retriever_of
    from agentlab.cli.values import read_params
    from agentlab.models import load_model
    from agentlab.rag import Index, create_rag

    console = Console()
    text = _question(question)
    mode, techniques = _ways(mode)
    settings = read_params(params or [])
    answer: dict[str, Any] = {"prompt": prompt, "quote": quote}
    if folder.endswith((".yaml", ".yml")):
        from agentlab.errors import ConfigError
        from agentlab.rag.techniques import load_rag

        if settings and model is None:
            raise ConfigError(
                "--param is a parameter of the model that --model names",
                hint=f"give --model too, or write the model in {folder}",
            )
        search = {"k": k, "mode": mode, "rerank": rerank, "threshold": threshold}
        runnable = load_rag(
            folder,
            load_model(model, **settings) if model else None,
            techniques,
            search={name: value for name, value in search.items() if value is not None},
            answer={name: value for name, value in answer.items() if value is not None},
        )
    else:
        index = Index.open(folder)
        retriever = retriever_of(
            index, k=4 if k is None else k, mode=mode, rerank=rerank, threshold=threshold
        )
        loaded = load_model(model, **settings)
        answer["quote"] = quote or "else"
        if techniques and k is not None:
            from agentlab.rag.techniques.composing import keeping

            techniques = keeping(techniques, k)
        runnable = create_rag(loaded, retriever, techniques=techniques or (), **answer)
    with interruptible():
        try:
            for event in runnable.stream(text):
                if as_json:
                    write_event(console, event)
                else:
                    _show(console, event)
        finally:
            console.end_line()


def _ways(given: str | None) -> tuple[str | None, list[Any] | None]:
    """The mode of the search, and the techniques, that ``--mode`` names."""
    if given is None:
        return None, None
    from agentlab.errors import ConfigError
    from agentlab.rag.techniques import NAMES

    names = [name.strip().replace("_", "-") for name in given.split(",")]
    unknown = next((name for name in names if name not in (*_MODES, *NAMES)), None)
    if unknown is not None:
        raise ConfigError(
            f"there is no mode {unknown!r}", hint=f"use {', '.join([*_MODES, *NAMES])}"
        )
    modes = [name for name in names if name in _MODES]
    if len(modes) > 1:
        raise ConfigError(f"a search has one mode, not {' and '.join(modes)}")
    return next(iter(modes), None), [name for name in names if name not in _MODES] or None


def _question(given: str) -> str:
    import sys

    from agentlab.errors import ConfigError

    text = sys.stdin.read() if given == "-" else given
    if not text.strip():
        raise ConfigError("the question is empty", hint="say what you want to know")
    return text.strip()


def _show(console: Console, event: Event) -> None:
    from agentlab.cli.citing import cite
    from agentlab.events import Answer, Planned, Token, Usage, Warned

    match event:
        case Planned(kind, text, note, found):
            told = note or f"{len(found)} documents"
            console.note(f"{kind}: {' '.join(text.split())} -> {told}")
        case Token(text):
            console.answer(text)
        case Warned(message):
            console.end_line()
            console.note(f"note: {message}")
        case Answer(value):
            console.end_line()
            cite(console, value["citations"])
        case Usage() if event.model_calls > 1:
            tokens = event.input_tokens + event.output_tokens
            console.end_line()
            console.note(f"{event.model_calls} calls, {tokens:,} tokens, {event.seconds:.1f} s")
