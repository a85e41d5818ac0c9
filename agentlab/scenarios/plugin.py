"""The pytest plugin: files that begin with ``agentlab: 1`` are collected, a test a scenario.

Nothing of AgentLab is imported until a YAML file is met that is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentlab.scenarios.cases import Case
    from agentlab.scenarios.results import ScenarioResult

MODES = ("none", "once", "new", "all", "verify")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("agentlab", "AgentLab scenarios")
    group.addoption(
        "--agentlab-record",
        choices=MODES,
        default=None,
        help="how recordings are used (none under CI, else once)",
    )
    group.addoption("--agentlab-model", metavar="SPEC", help="another model for all scenarios")
    group.addoption(
        "--agentlab-allow-effects",
        action="store_true",
        help="with record mode new, tools that change things may run",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files."""
    if file_path.suffix not in (".yaml", ".yml") or not _says_so(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def _says_so(path: Path) -> bool:
    """Whether the word is at the head of the file; :mod:`reading` looks closer."""
    try:
        with path.open("rb") as file:
            return b"agentlab:" in file.read(4096)
    except OSError:
        return False


class ScenarioFile(pytest.File):
    """A file of scenarios."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each case; repetitions of one are run together."""
        from agentlab.errors import ScenarioError
        from agentlab.scenarios.cases import cases_of
        from agentlab.scenarios.reading import is_scenario_file, read_file
        from agentlab.scenarios.suite import groups_of

        if not is_scenario_file(self.path):
            return
        try:
            groups = groups_of(cases_of(read_file(self.path)))
        except ScenarioError as error:
            told = f"{error}\nhint: {error.hint}" if error.hint else str(error)
            raise self.CollectError(told) from error
        for group in groups:
            item = ScenarioItem.from_parent(self, name=group[0].name.replace("repeat=1", "repeat"))
            item.group = group
            item.add_marker(pytest.mark.agentlab)
            item.extra_keyword_matches.update(group[0].tags)
            yield item


class ScenarioItem(pytest.Item):
    """One scenario (one cell of its matrix), with its repetitions."""

    group: list[Case]

    def runtest(self) -> None:
        """Run it."""
        from agentlab.scenarios.running import Options
        from agentlab.scenarios.suite import run_group

        option = self.config.getoption
        options = Options(
            record=option("agentlab_record"),
            model=option("agentlab_model"),
            allow_effects=option("agentlab_allow_effects"),
        )
        results = run_group(self.group, options)
        if all(result.status == "skipped" for result in results):
            pytest.skip(results[0].hint or "skipped")
        self._tell(results)
        wrong = [result for result in results if not result.ok]
        if wrong:
            raise ScenarioNotOk(wrong)

    def _tell(self, results: list[ScenarioResult]) -> None:
        from agentlab.scenarios.report import scenario_text

        for result in results:
            if result.warnings:
                self.warn(pytest.PytestWarning(scenario_text(result)))
            elif result.status == "recorded":
                self.add_report_section("call", "agentlab", f"recorded {result.name}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """What failed, as the terminal report says it."""
        if isinstance(excinfo.value, ScenarioNotOk):
            from agentlab.scenarios.report import scenario_text

            return "\n\n".join(scenario_text(result) for result in excinfo.value.results)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.group[0].line - 1, f"scenario {self.name}"


class ScenarioNotOk(Exception):
    """Carries the results to :meth:`ScenarioItem.repr_failure`."""

    def __init__(self, results: list[ScenarioResult]) -> None:
        super().__init__(results[0].name)
        self.results = results


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line("markers", "agentlab: a scenario that AgentLab replays")
