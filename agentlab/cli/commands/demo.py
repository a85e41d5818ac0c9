"""``agentlab demo``: the main job, on the model in the box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agentlab.cli.console import Console

app = new_app()

SUMMARY = "a girl that lost her mother"
QUESTION = "Why does the moon look larger near the horizon?"
ABOUT = "What is the tallest mountain on the red planet?"
TEXT = (
    "Ada Wren, forty-one years old, keeps the lighthouse on Gull Rock. She is patient and "
    "stubborn, and she counts every ship that passes."
)


@app.command()
def demo(
    model: Annotated[
        str, typer.Option(metavar="SPEC", help="Another model than the one in the box.")
    ] = "smollm2",
    seed: Annotated[int, typer.Option(help="Another seed gives another story.")] = 7,
) -> None:
    """Write a story in three steps, answer a question by template, return JSON by a schema, and
    answer from documents with citations.

    It runs on this machine, without network or keys.
    """
    import time

    from agentlab.chains import load_chain
    from agentlab.cli.commands.run import show
    from agentlab.cli.console import Console
    from agentlab.models import load_model

    console = Console()
    began = time.perf_counter()
    loaded = load_model(model, seed=seed)
    console.note(f"{model} loaded in {time.perf_counter() - began:.1f} s", style="dim")
    parts = (
        ("A story: title, character and story, each step seeing the ones before", "story", SUMMARY),
        ("A question, answered by a template", "question", QUESTION),
        ("A text, read into JSON that obeys a schema", "card", TEXT),
    )
    for title, name, given in parts:
        console.note(f"\n{title}", style="bold")
        console.note(f"agentlab run {name} {given!r}\n", style="dim")
        began = time.perf_counter()
        show(console, load_chain(name, loaded), given, as_json=False, stream=True)
        if not console.interactive:
            console.note(f"({time.perf_counter() - began:.1f} s)")
    _cited(console, loaded)


def _cited(console: Console, model: BaseChatModel) -> None:
    """An answer from the demo corpus, with its sources."""
    import time

    from agentlab.cli.citing import cite
    from agentlab.evaluation.demo import demo_documents
    from agentlab.events import Answer, Token
    from agentlab.rag import Index, create_rag

    began = time.perf_counter()
    documents = demo_documents()
    console.note(f"\nA question, answered from {len(documents)} documents", style="bold")
    index = Index.from_documents(documents)
    console.note(f"indexed in {time.perf_counter() - began:.1f} s", style="dim")
    console.note(f"agentlab rag DIR {ABOUT!r}\n", style="dim")
    rag = create_rag(model, index.as_retriever(k=3, mode="hybrid"), quote="else")
    for event in rag.stream(ABOUT):
        if isinstance(event, Token):
            console.answer(event.text)
        elif isinstance(event, Answer):
            console.end_line()
            cite(console, event.value["citations"])
    if not console.interactive:
        console.note(f"({time.perf_counter() - began:.1f} s)")
