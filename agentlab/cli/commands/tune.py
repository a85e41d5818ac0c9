"""``agentlab tune``: which stages of a search pay on your own questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from agentlab.cli.console import Console
    from agentlab.cli.counting import Counting
    from agentlab.evaluation.tuning import Trial, Tuned

app = new_app()
_SAID: dict[object, str] = {None: "", True: "yes", False: "no"}
_STAGES = ("keyword", "rerank", "rewriting", "splitter")


@app.command()
def tune(
    folder: Annotated[str, typer.Argument(metavar="INDEX", help="The folder of the index.")],
    judgements: Annotated[
        Path,
        typer.Option(
            "--judgements",
            "-j",
            metavar="FILE",
            help="Lines of {question, relevant: [files]}; or judgements of TREC or BEIR; or a "
            "folder of queries.jsonl and qrels.tsv.",
        ),
    ],
    queries: Annotated[
        Path | None,
        typer.Option("--queries", metavar="FILE", help="The questions, BEIR's queries.jsonl."),
    ] = None,
    measure: Annotated[
        str, typer.Option("--measure", "-m", metavar="NAME", help="What to be good at.")
    ] = "ndcg@10",
    k: Annotated[int, typer.Option("-k", min=1, help="How many results to ask for.")] = 10,
    stages: Annotated[
        list[str] | None,
        typer.Option("--stage", metavar="STAGE", help=f"Try only this ({', '.join(_STAGES)})."),
    ] = None,
    splitters: Annotated[
        list[str] | None,
        typer.Option("--splitter", metavar="SPLITTER", help="Try this one; again for each."),
    ] = None,
    reranker: Annotated[
        str, typer.Option(metavar="SPEC", help="minilm, gguf:PATH or cohere:NAME.")
    ] = "minilm",
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="SPEC", help="Have this model write queries too; slow."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", help="Draw quality against time a question."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write no configuration.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")] = False,
) -> None:
    """Try the stages of a search on your own questions; turn on what gains for certain.

    What is best is kept beside the index, where agentlab search and rag read it.

    agentlab tune my-index --judgements questions.jsonl
    """
    from agentlab.cli.console import Console
    from agentlab.cli.counting import Counting
    from agentlab.cli.interrupts import interruptible
    from agentlab.errors import ConfigError
    from agentlab.evaluation import read_judged
    from agentlab.evaluation.plot import figure_class
    from agentlab.evaluation.searches import SPLITTERS, Searches
    from agentlab.evaluation.tuning import STAGES, rerank_stage
    from agentlab.evaluation.tuning import tune as try_all
    from agentlab.rag import Index

    console = Console()
    _check(stages)
    if plot is not None:
        figure_class(plot)  # before the work, not after it
    asked, judged = read_judged(judgements, queries)
    index = Index.open(folder)
    counting = Counting(console, "embedding", "chunks")
    searches = Searches(index, k, counting, model)
    wanted = [rerank_stage(reranker) if s.name == "rerank" else s for s in STAGES]
    if model is not None:
        wanted.append(searches.rewriting_stage())
    elif stages and "rewriting" in stages:
        raise ConfigError("rewriting needs a model", hint="name one with --model")
    split, why = searches.splitter_stage(judged, splitters or SPLITTERS)
    if split is not None:
        wanted.append(split)
    elif not stages or "splitter" in stages:
        console.note(f"no splitters are tried: {why}")
    wanted = [stage for stage in wanted if not stages or stage.name in stages]
    rounds = _Rounds(console)
    with interruptible():
        try:
            tuned = try_all(
                searches,
                asked,
                judged,
                measure=measure,
                stages=wanted,
                progress=rounds.done,
                asked=rounds,
            )
        finally:
            counting.close()
            rounds.close()
    written = None if dry_run else _write(index.path, tuned)
    if plot is not None:
        from agentlab.evaluation.plot_tuning import plot_tuning

        plot_tuning(tuned, plot)
        console.note(f"wrote {plot}")
    _tell(console, tuned, written, folder, as_json)


class _Rounds:
    """``asking 12 of 60 questions, …: keyword alone``, on a terminal only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counting: Counting = self._new()

    def __call__(self, done: int, total: int) -> None:
        self._counting(done, total)

    def done(self, trial: Trial) -> None:
        """A trial is done: a line of it."""
        self._counting.close()
        if self._console.err.isatty():
            told = f"{trial.stage}: {trial.name}: {trial.measure} {trial.mean:.4f}"
            self._console.note(f"{told}, {1000 * trial.seconds:,.0f} ms a question", style="dim")
        self._counting = self._new()

    def _new(self) -> Counting:
        from agentlab.cli.counting import Counting

        return Counting(self._console, "asking", "questions")

    def close(self) -> None:
        """Take the line away."""
        self._counting.close()


def _check(stages: list[str] | None) -> None:
    from difflib import get_close_matches

    from agentlab.errors import ConfigError

    for name in stages or ():
        if name not in _STAGES:
            near = get_close_matches(name, _STAGES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_STAGES)}"
            raise ConfigError(f"there is no stage {name!r}", hint=hint)


def _write(folder: Path, tuned: Tuned) -> Path:
    from agentlab.rag.tuned import write_tuned

    final = tuned.final
    note = (
        f"Written by agentlab tune: {final.measure} {final.mean:.4f} on {len(final.values)} "
        f"questions (dense: {tuned.start.mean:.4f}).\n"
        "agentlab search and rag begin from these; delete the file to go back to the defaults."
    )
    return write_tuned(folder, tuned.options, note)


def _tell(console: Console, tuned: Tuned, written: Path | None, folder: str, as_json: bool) -> None:
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table

    rows = list(_rows(tuned))
    final = tuned.final
    if as_json:
        for row in rows:
            console.line(json_of(row, ascii_only=console.out_is_terminal))
        told = {
            "chosen": dict(tuned.options),
            "measure": final.measure,
            "mean": final.mean,
            "written": None if written is None else str(written),
        }
        console.line(json_of(told, ascii_only=console.out_is_terminal))
    else:
        if console.out_is_terminal:
            head = ("", "tried", final.measure, "ms", "gain", "held out", "p", "on")
            write_table(console, head, [_short(row) for row in rows])
        else:
            write_table(console, list(rows[0]), [_cells(row) for row in rows])
        if console.out_is_terminal:
            from agentlab.evaluation.plot_tuning import draw_tuning

            console.line("\n".join(["", *draw_tuning(tuned), ""]))
    for decision in tuned.decisions:
        if decision.stage.suggested and decision.gains:
            console.note(_suggestion(decision.best.options))
    options = ", ".join(f"{k}={_plain(v)}" for k, v in tuned.options.items())
    if tuned.final is tuned.start:
        console.note("nothing gains for certain over dense search")
    if written is not None:
        console.note(f"{written}: {options}; agentlab search and rag {folder} use it from now on")
    else:
        console.note(f"best: {options}; nothing was written")


def _suggestion(options: Mapping[str, Any]) -> str:
    """What a stage that gains, and cannot be turned on here, is to be had by."""
    if "splitter" in options:
        return (
            f"another splitter gains: build the index anew with --splitter {options['splitter']!r} "
            "--replace, and tune again"
        )
    name = options["technique"]
    what = f"{name}(model, …)" if name != "hyde" else "multi_query(model, …, hyde=True)"
    return f"queries written by the model gain: search with agentlab.rag.techniques.{what}"


def _rows(tuned: Tuned) -> Any:
    from agentlab.evaluation.plot_tuning import letter_of

    decisions = {id(trial): d for d in tuned.decisions for trial in d.trials}
    for number, trial in enumerate(tuned.trials):
        decision = decisions.get(id(trial))
        best = decision is not None and trial is decision.best
        interval = trial.report.interval(trial.measure)
        yield {
            "letter": letter_of(number),
            "stage": trial.stage,
            "tried": trial.name,
            "options": dict(trial.options),
            "measure": trial.measure,
            "mean": interval.mean,
            "low": interval.low,
            "high": interval.high,
            "ms": 1000 * trial.seconds,
            "gain": None if decision is None else trial.mean - decision.before.mean,
            "held_out": decision.held_out if decision and best else None,
            "p": decision.p if decision and best else None,
            "on": decision.on if decision and best else None,
        }


def _short(row: dict[str, Any]) -> list[str]:
    """A row that fits into 80 columns; the interval by half its length."""
    half = (row["high"] - row["low"]) / 2
    return [
        row["letter"],
        f"{row['stage']}: {row['tried']}",
        f"{row['mean']:.3f} ±{half:.3f}",
        f"{row['ms']:,.0f}" if row["ms"] >= 10 else f"{row['ms']:.1f}",
        *("" if row[name] is None else f"{row[name]:+.3f}" for name in ("gain", "held_out")),
        "" if row["p"] is None else f"{row['p']:.3f}",
        _SAID[row["on"]],
    ]


def _cells(row: dict[str, Any]) -> list[str]:
    said = {**row, "options": ", ".join(f"{k}={_plain(v)}" for k, v in row["options"].items())}
    return [f"{v:.4f}" if isinstance(v, float) else _SAID.get(v, str(v)) for v in said.values()]


def _plain(value: Any) -> str:
    return " to ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
