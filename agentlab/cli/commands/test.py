"""``agentlab test``: replay scenarios, or record them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentlab.cli.app import new_app

if TYPE_CHECKING:
    from agentlab.cli.console import Console
    from agentlab.scenarios.results import ScenarioResult, SuiteResult

app = new_app()

MODES = ("none", "once", "new", "all", "verify")


@app.command()
def run_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATHS", help="Files or folders; the project's scenarios/ if none."),
    ] = None,
    words: Annotated[
        str, typer.Option("-k", metavar="WORDS", help="Only those whose name has it; and, or, not.")
    ] = "",
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only those with this tag.")
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help="none: replay only; once: record what is not there; new: record from the first "
            "difference on; all: record again; verify: call again and compare.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Another model, in the place of each scenario's own."),
    ] = None,
    processes: Annotated[
        int, typer.Option("-j", metavar="N", min=1, max=256, help="Run N at a time.")
    ] = 1,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a JUnit XML report.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML page.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as GitHub's Markdown.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
    allow_effects: Annotated[
        bool,
        typer.Option("--allow-effects", help="With --record new, tools with effects may run."),
    ] = False,
) -> None:
    """Run the scenarios in PATHS against their recordings.

    Exits with 3 when one of them failed, with 2 when a file is wrong.
    """
    from agentlab.cli.console import Console
    from agentlab.cli.interrupts import interruptible
    from agentlab.errors import ConfigError, ScenarioFailed
    from agentlab.scenarios.running import Options
    from agentlab.scenarios.suite import Choice, run_suite

    console = Console()
    if record is not None and record not in MODES:
        from agentlab._yaml import nearest

        raise ConfigError(
            f"there is no record mode {record!r}{nearest(record, MODES)}",
            hint=f"one of {', '.join(MODES)}",
        )
    options = Options(record=record, model=model, allow_effects=allow_effects)  # type: ignore[arg-type]
    with interruptible():
        suite = run_suite(
            found_paths(paths),
            options,
            choice=Choice(words, tags or ()),
            processes=processes,
            tell=_progress(console),
        )
    if not suite.results:
        raise ConfigError("no scenario was chosen", hint="see the paths, -k and --tag")
    _save_reports(suite, junit, html, markdown)
    _write(console, suite, as_json=as_json)
    if not suite.ok:
        raise typer.Exit(ScenarioFailed.exit_code)


def found_paths(paths: list[Path] | None) -> list[Path]:
    """The paths given, or the scenarios of the project."""
    from agentlab.config import project_folder
    from agentlab.errors import ConfigError

    if paths:
        return paths
    folder = project_folder() / "scenarios"
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {folder}", hint="give the files or folders of your scenarios"
        )
    return [folder]


def _progress(console: Console) -> Any:
    """A line on stderr that is written over, where a person looks."""
    if not console.err.isatty():
        return None

    def tell(result: ScenarioResult, done: int, of: int) -> None:
        from agentlab.safe_text import visible

        line = f"{done}/{of} {result.status} {' '.join(visible(result.name).split())}"[:78]
        console.err.write(f"\r{line:78}" if done < of else f"\r{'':78}\r")
        console.err.flush()

    return tell


def _save_reports(
    suite: SuiteResult, junit: Path | None, html: Path | None, markdown: Path | None
) -> None:
    from agentlab.scenarios import report

    if junit is not None:
        _save(junit, report.junit(suite))
    if html is not None:
        _save(html, report.html(suite))
    if markdown is not None:
        _save(markdown, report.markdown(suite))


def _write(console: Console, suite: SuiteResult, *, as_json: bool) -> None:
    from agentlab.scenarios import report

    if as_json:
        import json

        console.line(json.dumps(report.as_json(suite), ensure_ascii=False, indent=2))
        return
    import shutil

    from agentlab.cli.console import shows_styles

    def write(text: str) -> None:
        console.out.write(text)  # made harmless by the report, which has colours of its own

    report.write_terminal(
        suite,
        write,
        color=shows_styles(console.out),
        width=shutil.get_terminal_size((100, 24)).columns,
    )


def _save(path: Path, text: str) -> None:
    from agentlab.errors import StoreError
    from agentlab.recording.files import replace

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text.encode("utf-8", "replace"))  # a model may say half a surrogate pair
    except OSError as error:
        raise StoreError(f"cannot write the report {path}: {error.strerror}") from error
