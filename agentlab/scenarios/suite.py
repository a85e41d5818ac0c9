"""Many scenarios: found, chosen, run in one process or several, put together in one order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentlab.scenarios.cases import Case, cases_of
from agentlab.scenarios.reading import find_files, read_file
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

    Raises:
        ScenarioError: a file is wrong.
    """
    choice = choice or Choice()
    return [
        group
        for path in find_files(paths)
        for group in groups_of(cases_of(read_file(path)))
        if choice.takes(group[0])
    ]


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
