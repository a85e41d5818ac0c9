"""Many scenarios: found, chosen, run in one process or several, put together in one order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentlab._yaml import nearest
from agentlab.errors import ScenarioError
from agentlab.scenarios.cases import Case, cases_of
from agentlab.scenarios.reading import find_files, read_file, shown
from agentlab.scenarios.results import ScenarioResult, SuiteResult
from agentlab.scenarios.running import Options, run_case

Told = Callable[[ScenarioResult, int, int], None]
Group = list[Case]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which scenarios: ``words`` is read as by pytest's ``-k``, of ``tags`` one must be there."""

    words: str = ""
    tags: Sequence[str] = ()

    def takes(self, case: Case) -> bool:
        """Whether ``case`` is chosen."""
        if self.tags and not set(self.tags) & set(case.tags):
            return False
        return matches(self.words, " ".join([case.name, case.file.name, *case.tags]))


def matches(words: str, text: str) -> bool:
    """Whether ``text`` has ``words``: names joined by ``and``, ``or``, ``not`` (no brackets)."""
    text = text.lower()
    if not words.strip():
        return True
    for either in words.lower().split(" or "):
        parts = [part.strip() for part in either.split(" and ")]
        if all(
            (part[4:].strip() not in text) if part.startswith("not ") else part in text
            for part in parts
        ):
            return True
    return False


def find_groups(paths: Iterable[str | Path], choice: Choice | None = None) -> list[Group]:
    """The cases in ``paths``, the repetitions of one together, in the order of the files.

    ``FILE::NAME`` stands for the scenario of that name or id in a file, as for pytest.

    Raises:
        ScenarioError: a file is wrong, or has no such scenario.
    """
    choice, paths = choice or Choice(), list(paths)
    names: dict[Path, set[str] | None] = {}
    for given in paths:
        place, _, name = str(given).partition("::")
        for path in find_files([place]):
            known = names.setdefault(path.resolve(), set() if name else None)
            if name and known is not None:
                known.add(name)
            elif not name:
                names[path.resolve()] = None
    places = [str(given).partition("::")[0] for given in paths]
    return [
        group
        for path in find_files(places)
        for group in _named(path, groups_of(cases_of(read_file(path))), names[path.resolve()])
        if choice.takes(group[0])
    ]


def _named(path: Path, groups: list[Group], names: set[str] | None) -> list[Group]:
    """Those of ``groups`` that have one of ``names``; all where there are none."""
    if names is None:
        return groups
    called = [{name for case in group for name in (case.id, case.name)} for group in groups]
    known = set().union(*called)
    for name in sorted(names - known):
        raise ScenarioError(f"{shown(path)} has no scenario {name!r}{nearest(name, known)}")
    return [group for group, own in zip(groups, called, strict=True) if names & own]


def groups_of(cases: Sequence[Case]) -> list[Group]:
    """The repetitions of a case together."""
    groups: list[Group] = []
    for case in cases:
        if case.repetition == 1:
            groups.append([])
        groups[-1].append(case)
    return groups


def run_group(group: Group, options: Options | None = None) -> list[ScenarioResult]:
    """Run a case and its repetitions; where enough of them pass, the failures of others warn."""
    results = [run_case(case, options) for case in group]
    needed = group[0].needed
    if len(group) == needed or sum(result.ok for result in results) < needed:
        return results
    return [
        replace(r, status="passed", warnings=r.failures, failures=()) if r.status == "failed" else r
        for r in results
    ]


def run_suite(
    paths: Iterable[str | Path],
    options: Options | None = None,
    *,
    choice: Choice | None = None,
    processes: int = 1,
    tell: Told | None = None,
) -> SuiteResult:
    """Run the scenarios in ``paths``, in ``processes`` at a time.

    ``tell(result, done, of)`` is called as each result is known. The results have the order of
    the files, whatever the number of processes.

    Raises:
        ScenarioError: a file is wrong; nothing was run.
    """
    began, cpu = time.perf_counter(), time.process_time()
    paths = list(paths)
    groups = find_groups(paths, choice)
    total = sum(len(group) for group in groups)
    results: list[ScenarioResult] = []
    if min(processes, len(groups)) > 1:
        from agentlab.scenarios.processes import in_processes

        made = in_processes(groups, options or Options(), processes, (paths, choice))
    else:
        made = (run_group(group, options) for group in groups)
    for found in made:
        for result in found:
            results.append(result)
            if tell is not None:
                tell(result, len(results), total)
    others = sum(r.cpu_seconds for r in results) if processes > 1 else 0.0
    return SuiteResult(
        results,
        cpu_seconds=time.process_time() - cpu + others,
        wall_seconds=time.perf_counter() - began,
    )
