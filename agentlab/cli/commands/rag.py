"""``agentlab rag``: an answer from an index, with its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from agentlab.cli.console import Console
    from agentlab.events import Event

app = new_app()


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
            "default; or simple, rewrite, multi-query, links, multi-hop, route, corrective, "
            "agentic, auto, also several: rewrite,multi-hop."
        ),
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many chunks to answer from.")] = 4,
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
        str, typer.Option("--prompt", metavar="NAME", help="A prompt for answers from documents.")
    ] = "rag/answer",
    quote: Annotated[
        str,
        typer.Option(
            metavar="WHEN",
            help="Quote the documents' best sentence: never, else (where the model finds no "
            "answer) or always (no model is asked).",
        ),
    ] = "else",
    as_json: Annotated[
        bool, typer.Option("--json", help="Write every event as a line of JSON.")
    ] = False,
) -> None:
    """Answer QUESTION from the index in DIR, and say where each sentence is from.

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
    if folder.endswith((".yaml", ".yml")):
        from agentlab.rag.techniques import load_rag

        runnable = load_rag(folder, load_model(model, **settings) if model else None, techniques)
    else:
        index = Index.open(folder)
        retriever = retriever_of(index, k=k, mode=mode, rerank=rerank, threshold=threshold)
        loaded = load_model(model, **settings)
        runnable = create_rag(loaded, retriever, prompt, quote=quote, techniques=techniques or ())  # type: ignore[arg-type]  # it is checked there
    with interruptible():
        try:
            for event in runnable.stream(text):
                if as_json:
                    write_event(console, event)
                else:
                    _show(console, event)
        finally:
            console.end_line()


def _ways(mode: str | None) -> tuple[str | None, list[str] | None]:
    """The mode of the search, and the techniques, that ``--mode`` names."""
    if mode is None or mode in ("dense", "keyword", "hybrid"):
        return mode, None
    names = [name.strip() for name in mode.split(",")]
    from agentlab.errors import ConfigError
    from agentlab.rag.techniques import NAMES

    unknown = next((name for name in names if name not in NAMES), None)
    if unknown is not None:
        raise ConfigError(
            f"there is no mode {unknown!r}", hint=f"use dense, keyword, hybrid, {', '.join(NAMES)}"
        )
    return None, names


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
