"""``agentlab eval``: how good retrieval and answers are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from agentlab.cli.console import Console
    from agentlab.evaluation import Report

app = new_app(no_args_is_help=True)
_FEW = 10  # questions, below which a bootstrap sees too little

Qrels = Annotated[
    Path, typer.Option("--qrels", metavar="FILE", help="The judgements, of TREC or BEIR.")
]
Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        "-m",
        metavar="NAME",
        help="precision@K, recall@K, map, mrr or ndcg@K; again for each.",
    ),
]
PerQuery = Annotated[
    bool, typer.Option("--per-query", help="The value of each question in place of the means.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON object a line.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE.png", help="Draw the means too.")
]


@app.callback()
def evaluate() -> None:
    """Measure a search, a run of one, or answers."""


@app.command()
def run(
    qrels: Qrels,
    path: Annotated[
        Path, typer.Option("--run", metavar="FILE", help="The run to measure, in TREC's form.")
    ],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE", help="A run to compare it with."),
    ] = None,
    measure: Measures = None,
    per_query: PerQuery = False,
    as_json: AsJson = False,
    plot: Plot = None,
) -> None:
    """Measure the results of a search in a file, and compare them with another's."""
    from agentlab.cli.console import Console
    from agentlab.evaluation import evaluate_run, read_qrels, read_run
    from agentlab.evaluation.measures import DEFAULT

    judged = read_qrels(qrels)
    paths = [path] if against is None else [against, path]
    reports = {
        str(one): evaluate_run(read_run(one), judged, measure or DEFAULT)
        for one in dict.fromkeys(paths)
    }
    _tell(Console(), reports, per_query=per_query, as_json=as_json, plot=plot)


@app.command()
def retrieval(
    index: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of an index.")],
    queries: Annotated[
        Path, typer.Option("--queries", metavar="FILE", help="The questions, BEIR's queries.jsonl.")
    ],
    qrels: Qrels,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help="dense, keyword or hybrid; again to compare with the first.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many results to ask for.")] = 100,
    measure: Measures = None,
    per_query: PerQuery = False,
    as_json: AsJson = False,
    plot: Plot = None,
) -> None:
    """Measure the search of an index with questions and judgements of your own."""
    from agentlab.cli.console import Console
    from agentlab.cli.counting import Counting
    from agentlab.cli.interrupts import interruptible
    from agentlab.evaluation import collect, evaluate_run, parse_measure, read_qrels, read_queries
    from agentlab.evaluation.measures import DEFAULT
    from agentlab.rag import Index

    measures = [str(parse_measure(name)) for name in measure or DEFAULT]
    judged, asked = read_qrels(qrels), read_queries(queries)
    opened: Any = Index.open(index)
    console = Console()
    reports, seconds = {}, {}
    for name in dict.fromkeys(mode or ["hybrid"]):
        counting = Counting(console, f"{name}: asking", "questions")
        with interruptible():
            try:
                found = collect(opened.as_retriever(k=k, mode=name), asked, judged, counting)
            finally:
                counting.close()
        reports[name] = evaluate_run(found.run, judged, measures)
        seconds[name] = found.seconds_per_question
    _tell(console, reports, per_query=per_query, as_json=as_json, plot=plot)
    for name, median in seconds.items():
        console.note(f"{name}: {1000 * median:.1f} ms a question (median)", style="dim")


@app.command()
def answers(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Rows of question, answer, contexts, ground_truth: JSONL, JSON, CSV.",
        ),
    ],
    embeddings: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Measure by these too, such as bge-small.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Have this model judge too; it takes long.")
    ] = None,
    per_query: PerQuery = False,
    as_json: AsJson = False,
    plot: Plot = None,
) -> None:
    """Measure answers: against right ones, against their contexts, and by a judge."""
    from agentlab.cli.console import Console
    from agentlab.evaluation import Judge, evaluate_answers, read_samples

    samples = read_samples(path)
    console = Console()
    found: dict[str, Any] = {}
    if embeddings:
        from agentlab.models.embeddings import load_embeddings

        found["embeddings"] = load_embeddings(embeddings)
    if judge:
        from agentlab.models import load_model

        found["judge"] = Judge(load_model(judge))

    def progress(done: int, count: int) -> None:
        if judge and console.interactive:
            console.note(f"{done} of {count}", style="dim")

    report = evaluate_answers(samples, progress=progress, **found)
    if not report.values:
        raise ConfigError(
            f"nothing can be measured in {str(path)!r}: it has neither contexts nor ground_truth",
            hint="add them, or --embeddings or --judge",
        )
    _tell(console, {str(path): report}, per_query=per_query, as_json=as_json, plot=plot)


def _tell(
    console: Console,
    reports: dict[str, Report],
    *,
    per_query: bool,
    as_json: bool,
    plot: Path | None,
) -> None:
    from agentlab.cli.jsonlines import as_json as json_of
    from agentlab.cli.tables import write_table

    if plot is not None:
        from agentlab.evaluation.plot import plot_reports

        plot_reports(reports, plot)
        console.note(f"wrote {plot}")
    found = _by_query(reports) if per_query else _means(reports)
    if as_json:
        for record in found:
            console.line(json_of(record, ascii_only=console.out_is_terminal))
    elif found:
        head = list(found[0])
        write_table(console, head, [[_cell(record[name]) for name in head] for record in found])
    fewest = min(len(values) for r in reports.values() for values in r.values.values())
    if fewest < _FEW and not per_query:
        console.note(f"with fewer than {_FEW} questions the intervals are too narrow")
    for name, report in reports.items():
        for note in report.notes:
            console.note(f"{name}: {note}" if len(reports) > 1 else note)


def _means(reports: dict[str, Report]) -> list[dict[str, Any]]:
    """A row a measure of each report; those after the first are compared with it."""
    found = []
    first = next(iter(reports.values()))
    for name, report in reports.items():
        for measure, values in report.values.items():
            interval = report.interval(measure)
            row: dict[str, Any] = {
                **({"of": name} if len(reports) > 1 else {}),
                "measure": measure,
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "questions": len(values),
            }
            if len(reports) > 1:
                compared = first.compare(report, measure) if report is not first else None
                row["difference"] = compared and compared.difference
                row["p"] = compared and compared.p
                row["significant"] = compared and compared.significant
            found.append(row)
    return found


def _by_query(reports: dict[str, Report]) -> list[dict[str, Any]]:
    return [
        {**({"of": name} if len(reports) > 1 else {}), **row}
        for name, report in reports.items()
        for row in report.rows()
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
