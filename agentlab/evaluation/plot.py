"""Reports as a picture. Needs matplotlib (the extra ``plot``)."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentlab.errors import EvaluationError, MissingExtra
from agentlab.evaluation.intervals import Interval
from agentlab.evaluation.report import Report


def plot_reports(reports: Mapping[str, Report], path: str | Path) -> None:
    """Draw each report's means with their 95% intervals, side by side, as a PNG at ``path``.

    Raises:
        MissingExtra: matplotlib is not installed.
        EvaluationError: the file is not named .png, or cannot be written.
    """
    figure_type = figure_class(path)
    measures = list(dict.fromkeys(name for report in reports.values() for name in report.values))
    figure = figure_type(figsize=(2 + 1.4 * len(measures), 4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / max(len(reports), 1)
    for number, (name, report) in enumerate(reports.items()):
        held = [(at, report.interval(m)) for at, m in enumerate(measures) if report.values.get(m)]
        shift = (number - (len(reports) - 1) / 2) * width
        axes.bar(
            [at + shift for at, _ in held],
            [found.mean for _, found in held],
            width,
            yerr=[_lengths(held, -1), _lengths(held, 1)],
            capsize=3,
            label=name,
        )
    axes.set_xticks(range(len(measures)), measures)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("mean, with 95% interval")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    if len(reports) > 1:
        figure.legend(loc="outside upper center", ncols=len(reports))
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=150)
    write_png(Path(path), data.getvalue())


def _lengths(held: list[tuple[int, Interval]], side: int) -> list[float]:
    """How far each interval goes below (-1) or above (1) its mean, never less than 0."""
    ends = [(found.low if side < 0 else found.high, found.mean) for _, found in held]
    return [max(side * (end - mean), 0.0) for end, mean in ends]


def figure_class(path: str | Path) -> Any:
    """matplotlib's ``Figure``, for a picture at ``path``.

    Raises:
        MissingExtra: matplotlib is not installed.
        EvaluationError: the file is not named .png.
    """
    if Path(path).suffix.lower() != ".png":
        raise EvaluationError(f"the plot {str(path)!r} is not named .png")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            "plots need the package matplotlib, which is not installed",
            hint="uv sync --extra plot in the project, or pip install matplotlib",
        ) from error
    return Figure


def write_png(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target``, whole or not at all.

    Raises:
        EvaluationError: it cannot be written.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = (error.strerror or type(error).__name__).lower()
        raise EvaluationError(f"{str(target)!r} cannot be written: {reason}") from error
