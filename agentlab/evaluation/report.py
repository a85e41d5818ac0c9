"""Values of measures, question by question, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from agentlab.errors import EvaluationError
from agentlab.evaluation.intervals import Comparison, Interval, compare, mean_interval


@dataclass(frozen=True)
class Report:
    """``values[measure][question]``; all from 0 to 1.

    ``notes`` are sentences about what the reader must know, such as questions left out.
    """

    values: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()

    def mean(self, measure: str) -> float:
        """The mean over the questions."""
        values = self._of(measure)
        return sum(values.values()) / len(values) if values else 0.0

    def interval(self, measure: str, *, level: float = 0.95, seed: int = 0) -> Interval:
        """The mean with its bootstrap interval."""
        return mean_interval(list(self._of(measure).values()), level=level, seed=seed)

    def compare(
        self, other: Report, measure: str, *, level: float = 0.95, seed: int = 0
    ) -> Comparison:
        """``other`` less this, on the same questions."""
        return compare(self._of(measure), other._of(measure), level=level, seed=seed)

    def rows(self) -> list[dict[str, str | float | None]]:
        """One row a question: ``query``, and a value of each measure, None where it has none."""
        queries = dict.fromkeys(query for found in self.values.values() for query in found)
        return [
            {"query": query, **{name: found.get(query) for name, found in self.values.items()}}
            for query in queries
        ]

    def _of(self, measure: str) -> Mapping[str, float]:
        if measure not in self.values:
            near = get_close_matches(measure, self.values, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.values)}"
            raise EvaluationError(f"the report has no measure {measure!r}", hint=hint)
        return self.values[measure]
