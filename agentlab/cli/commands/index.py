"""``agentlab index``: build an index of files, look at it, change it, check it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from agentlab.cli.console import Console
    from agentlab.rag import Report

app = new_app(no_args_is_help=True)

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The folder of the index.")]
Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATHS", help="Files, folders, or patterns such as 'docs/**/*.md'."),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object.")]


@app.callback()
def index() -> None:
    """Build an index of files, look at it, change it, check it. Search it with agentlab search."""


@app.command()
def build(
    paths: Paths,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="The folder of the index.")
    ],
    embeddings: Annotated[
        str, typer.Option(metavar="SPEC", help="bge-small, gguf:PATH, openai:NAME, cohere:NAME.")
    ] = "bge-small",
    splitter: Annotated[
        str,
        typer.Option(
            metavar="SPLITTER",
            help="tokens:N, sentences:N, paragraphs:N, headings:N or document; /M shares M with "
            "the neighbour; A in B searches A and gives B.",
        ),
    ] = "tokens:256/32",
    kind: Annotated[
        str, typer.Option(help="flat, hnsw, ivf, or auto by the number of chunks.")
    ] = "auto",
    language: Annotated[
        str, typer.Option(help="Whose word endings keyword search knows; or none.")
    ] = "english",
    titles: Annotated[
        bool, typer.Option("--titles/--no-titles", help="Search a chunk with its title.")
    ] = True,
    replace: Annotated[
        bool, typer.Option("--replace", help="Build anew, also with other settings.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build an index of PATHS in DIR; where there is one, embed only what changed.

    agentlab index build docs README.md -o my-index
    """
    from agentlab.cli.console import Console
    from agentlab.cli.counting import Counting
    from agentlab.cli.interrupts import interruptible
    from agentlab.rag import Index

    console = Console()
    counting = Counting(console, "embedding", "chunks")
    with interruptible():
        try:
            made = Index.from_files(
                paths,
                embeddings,
                output,
                replace=replace,
                progress=counting,
                splitter=splitter,
                kind=kind,
                language=language,
                titles=titles,
            )
        finally:
            counting.close()
    _tell(console, made.report, len(made), output, as_json)


@app.command()
def add(folder: Folder, paths: Paths, as_json: Json = False) -> None:
    """Add files to the index in DIR, or update those that changed; other files stay."""
    from agentlab.cli.console import Console
    from agentlab.cli.counting import Counting
    from agentlab.cli.interrupts import interruptible
    from agentlab.rag import Index

    console = Console()
    counting = Counting(console, "embedding", "chunks")
    opened = Index.open(folder)
    with interruptible():
        try:
            report = opened.add_files(paths, progress=counting)
        finally:
            counting.close()
    _tell(console, report, len(opened), folder, as_json)


@app.command()
def delete(
    folder: Folder,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="FILE", help="All chunks of this file; again for each."),
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="This chunk; again for each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete chunks from the index in DIR. The files themselves are not touched."""
    from agentlab.cli.console import Console
    from agentlab.errors import ConfigError
    from agentlab.rag import Index

    console = Console()
    if not sources and not ids:
        raise ConfigError("nothing was named to delete", hint="give --source FILE or --id ID")
    opened = Index.open(folder)
    if not opened.delete(ids or (), source=sources or ()):
        what = ", ".join([*(sources or ()), *(ids or ())])
        raise ConfigError(
            f"the index {folder!r} has no chunk of {what}",
            hint=f"see its files with: agentlab index info {folder} --files",
        )
    _tell(console, opened.report, len(opened), folder, as_json)


@app.command()
def info(
    folder: Folder,
    files: Annotated[bool, typer.Option("--files", help="List the files that were read.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the index in DIR holds and how it was built."""
    from agentlab.cli.console import Console
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table
    from agentlab.rag import Index

    console = Console()
    opened = Index.open(folder)
    if files:
        for source, sha256 in sorted(opened.files.items()):
            record = {"source": source, "sha256": sha256}
            console.line(json_of(record, ascii_only=console.out_is_terminal) if as_json else source)
        return
    found = opened.info
    tuned = opened.tuned
    if as_json:
        whole: dict[str, Any] = {**found, "tuned": tuned}
        console.line(json_of(whole, ascii_only=console.out_is_terminal))
        return
    rows = [
        ("chunks", f"{found['chunks']:,}"),
        ("files", f"{found['files']:,}"),
        ("size", f"{found['bytes'] / 1e6:,.1f} MB"),
        ("embeddings", f"{found['embeddings']['name']}, {found['dimensions']} numbers"),
        ("splitter", found["splitter"]),
        ("kind", found["kind"]),
        ("language", found["language"]),
        ("titles", "searched" if found["titles"] else "not searched"),
        ("tuned", ", ".join(f"{k}={v}" for k, v in tuned.items()) or "no: agentlab tune"),
    ]
    write_table(console, ("index", folder), rows)


@app.command()
def verify(folder: Folder) -> None:
    """Compare every file of the index in DIR with its sha256."""
    from agentlab.cli.console import Console
    from agentlab.rag import Index

    opened = Index.open(folder)
    opened.verify()
    Console().line(f"{folder}: whole, {_count(len(opened), 'chunk')}")


def _tell(console: Console, report: Report, total: int, folder: str, as_json: bool) -> None:
    from agentlab.cli.jsonlines import as_json as json_of

    for skipped in report.skipped:
        console.note(f"skipped {skipped.source}: {skipped.reason}")
    if as_json:
        record: dict[str, Any] = {"index": folder, "total": total, "report": report}
        console.line(json_of(record, ascii_only=console.out_is_terminal))
        return
    parts = [
        _count(report.files, "file") + " read" if report.files else "",
        f"{report.unchanged:,} unchanged" if report.unchanged else "",
        f"{len(report.skipped):,} skipped" if report.skipped else "",
        _count(report.chunks, "chunk") + " written" if report.chunks else "",
        f"{report.embedded:,} embedded" if report.chunks else "",
        f"{report.removed:,} removed" if report.removed else "",
    ]
    told = ", ".join(part for part in parts if part) or "nothing changed"
    console.line(f"{folder}: {_count(total, 'chunk')} ({told})")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
