"""``agentlab search``: search an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from agentlab.cli.console import Console

app = new_app()
_SHOWN = 300  # characters of a chunk, without --full


@app.command()
def search(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder of the index.")],
    query: Annotated[str, typer.Argument(metavar="QUERY", help="The question; - reads stdin.")],
    mode: Annotated[
        str | None,
        typer.Option(help="dense (by meaning), keyword (BM25) or hybrid (both), the default."),
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many to show.")] = 5,
    rerank: Annotated[
        bool | None,
        typer.Option(
            "--rerank/--no-rerank", help="Read the best 10 again, together with the question."
        ),
    ] = None,
    reranker: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Rerank with this: minilm, gguf:PATH, …"),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Leave out what is less fit, all of it if need be.")
    ] = None,
    mmr: Annotated[
        float | None,
        typer.Option(help="From 1, the most relevant, to 0, the most different."),
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="NAME=VALUE", help="Only chunks whose metadata has this value."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show whole chunks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """Search the index in DIR, as agentlab tune found best where it was tuned.

    agentlab search my-index "how do I record a run?" --rerank
    """
    from agentlab.cli.console import Console
    from agentlab.cli.interrupts import interruptible
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.searching import retriever_of
    from agentlab.cli.values import read_params
    from agentlab.rag import Index

    console = Console()
    text = _question(query)
    retriever = retriever_of(
        Index.open(folder),
        k=k,
        mode=mode,
        rerank=rerank,
        reranker=reranker,
        threshold=threshold,
        mmr=mmr,
        filter=read_params(filters) if filters else None,
    )
    with interruptible():
        found = retriever.invoke(text)
    if not found:
        console.note("nothing was found")
    for rank, document in enumerate(found, start=1):
        if as_json:
            record = _record(rank, document)
            console.line(json_of(record, ascii_only=console.out_is_terminal))
        else:
            _show(console, rank, document, full)


def _question(query: str) -> str:
    import sys

    from agentlab.errors import ConfigError

    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise ConfigError("the question is empty", hint="say what to look for")
    return text.strip()


def _record(rank: int, document: Document) -> dict[str, Any]:
    return {
        "rank": rank,
        "id": document.id,
        "text": document.page_content,
        "metadata": document.metadata,
    }


def _show(console: Console, rank: int, document: Document, full: bool) -> None:
    metadata = document.metadata
    text = document.page_content if full else _short(document.page_content)
    if not console.out_is_terminal:
        cells = [str(rank), f"{metadata['score']:.4f}", _place(metadata), text]
        console.line("\t".join(" ".join(cell.split()) for cell in cells))
        return
    head = f"{rank}. {_place(metadata)}  ({metadata['score']:.4f})"
    named = metadata.get("section") or metadata.get("title")
    console.line(head + (f"  {named}" if named else ""))
    console.line("\n".join(f"   {line}" for line in text.splitlines()) + "\n")


def _place(metadata: Mapping[str, Any]) -> str:
    """``docs/cli.md:120-480``: the file, and the characters of its text."""
    parts = [f", {name} {metadata[name]}" for name in ("page", "line", "row") if name in metadata]
    span = f":{metadata['start']}-{metadata['end']}" if "start" in metadata else ""
    return f"{metadata.get('source', 'text')}{''.join(parts)}{span}"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1].rstrip() + "…"
