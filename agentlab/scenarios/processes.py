"""Cases run in several processes; their results come in the order in which they were given."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentlab import cancellation
from agentlab.errors import RunError
from agentlab.scenarios.results import ScenarioResult
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import Choice, Group, find_groups, run_group

_POLL = 0.1  # seconds between two looks at whether the user has stopped it

_groups: list[Group] = []  # of a process of the pool


def in_processes(
    groups: list[Group], options: Options, processes: int, source: tuple[Any, ...]
) -> Iterator[list[ScenarioResult]]:
    """Run ``groups``, each in one of ``processes``. ``source`` is where they were read.

    Raises:
        RunError: a process died.
        TurnCancelled: the scope in force was cancelled; the processes are ended.
    """
    global _groups
    _groups = groups
    # A copy of this process has all that was read and imported; one with threads cannot be copied.
    method = "fork" if threading.active_count() == 1 else "spawn"
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(processes, len(groups)),
        mp_context=multiprocessing.get_context(method),
        initializer=_begin,
        initargs=source,
    )
    try:
        works = [pool.submit(_work, index, options) for index in range(len(groups))]
        for work in works:
            yield _awaited(work)
    except BrokenProcessPool as error:
        raise RunError(
            "a process that ran scenarios died", hint="run them in one process: without -j"
        ) from error
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _awaited(work: Future[list[ScenarioResult]]) -> list[ScenarioResult]:
    while True:
        cancellation.raise_if_cancelled()
        try:
            return work.result(_POLL)
        except TimeoutError:
            continue


def _begin(paths: Sequence[str | Path], choice: Choice | None) -> None:
    """Runs first in each process; a spawned one reads the files again."""
    global _groups
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits for this one ends it
    _groups = _groups or find_groups(paths, choice)


def _work(index: int, options: Options) -> list[ScenarioResult]:
    return [_portable(result) for result in run_group(_groups[index], options)]


def _portable(result: ScenarioResult) -> ScenarioResult:
    """``result`` with nothing in it that another process could not be given."""
    run = result.run
    if run is None:
        return result
    turns = [
        turn if turn.error is None else replace(turn, error=RuntimeError(_said(turn.error)))
        for turn in run.turns
    ]
    return replace(result, run=replace(run, turns=turns))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
