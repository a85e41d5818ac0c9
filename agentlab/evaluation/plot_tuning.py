"""Quality against time: what tuning tried, as a picture or as text."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentlab.evaluation.plot import figure_class, write_png

if TYPE_CHECKING:
    from agentlab.evaluation.tuning import Tuned

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def plot_tuning(tuned: Tuned, path: str | Path) -> None:
    """Draw each trial's mean with its 95% interval over the time a question, as a PNG at ``path``.

    Raises:
        MissingExtra: matplotlib is not installed.
        EvaluationError: the file is not named .png, or cannot be written.
    """
    figure = figure_class(path)(figsize=(10, 5), layout="constrained")
    axes = figure.add_subplot()
    stages = list(dict.fromkeys(trial.stage for trial in tuned.trials))
    for number, trial in enumerate(tuned.trials):
        interval = trial.report.interval(trial.measure)
        at = (1000 * trial.seconds, trial.mean)
        axes.errorbar(
            *([value] for value in at),
            yerr=[[max(trial.mean - interval.low, 0.0)], [max(interval.high - trial.mean, 0.0)]],
            fmt="o",
            color=f"C{stages.index(trial.stage)}",
            capsize=3,
            alpha=0.8,
            label=f"{letter_of(number)}  {trial.stage}: {trial.name}",
        )
        axes.annotate(letter_of(number), at, xytext=(5, 2), textcoords="offset points")
    final = tuned.final
    axes.plot(
        [1000 * final.seconds], [final.mean], "o", ms=16, mfc="none", mec="black", label="in force"
    )
    axes.set_xscale("log")
    axes.set_xlabel("ms a question (median)")
    axes.set_ylabel(f"{final.measure}, mean with 95% interval")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=150)
    write_png(Path(path), data.getvalue())


def draw_tuning(tuned: Tuned, width: int = 64, height: int = 14) -> list[str]:
    """The same as lines of text: a letter a trial, in the order of :attr:`Tuned.trials`.

    Where two meet, the later one is shown. ``*`` stands for what is in force.
    """
    trials = tuned.trials
    columns = _places([math.log(max(trial.seconds, 1e-6)) for trial in trials], width)
    rows = _places([trial.mean for trial in trials], height)
    grid = [[" "] * width for _ in range(height)]
    for number, trial in enumerate(trials):
        sign = "*" if trial is tuned.final else letter_of(number)
        grid[height - 1 - rows[number]][columns[number]] = sign
    at = trials.index(tuned.final)
    grid[height - 1 - rows[at]][columns[at]] = "*"
    best, worst = (pick(trial.mean for trial in trials) for pick in (max, min))
    lines = ["".join(line) for line in grid]
    labels = [f"{best:6.4f}", *[" " * 6] * (height - 2), f"{worst:6.4f}"]
    fast, slow = (_time(pick(trial.seconds for trial in trials)) for pick in (min, max))
    return [
        *(f"{label} |{line.rstrip()}" for label, line in zip(labels, lines, strict=True)),
        f"{' ' * 6} +{'-' * width}",
        f"{' ' * 8}{fast}{slow.rjust(width - len(fast))}",
    ]


def letter_of(number: int) -> str:
    """The letter of a trial."""
    return LETTERS[number] if number < len(LETTERS) else "+"


def _places(values: Sequence[float], size: int) -> list[int]:
    least, span = min(values), (max(values) - min(values)) or 1.0
    return [round((value - least) / span * (size - 1)) for value in values]


def _time(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms"
