"""Which changed runs some expectation notices."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations.base import CheckContext, Expectation, NeedsModel
from agentlab.scenarios.expectations.subjects import of_turn
from agentlab.scenarios.mutation.mutants import Mutant, answer_mutants, call_mutants
from agentlab.scenarios.results import Run

Verdict = Literal["killed", "survived", "undecided"]


@dataclass(frozen=True, slots=True)
class Item:
    """One changed run. ``by`` is the expectation that noticed it, empty where none did."""

    what: str
    turn: int
    change: str
    verdict: Verdict
    by: str = ""

    def __str__(self) -> str:
        told = f" by {self.by}" if self.by else ""
        return f"{self.verdict}{told}: turn {self.turn + 1}: {self.what}: {self.change}"


@dataclass(frozen=True, slots=True)
class MutationReport:
    """How many changed runs were noticed.

    ``undecided`` are those that only a model could judge, and they count for nothing. ``unchecked``
    are the turns of which nothing is expected: they are not changed.
    """

    items: tuple[Item, ...]
    unchecked: tuple[int, ...] = ()

    def _count(self, verdict: Verdict) -> int:
        return sum(item.verdict == verdict for item in self.items)

    @property
    def killed(self) -> int:
        """How many some expectation noticed."""
        return self._count("killed")

    @property
    def survived(self) -> int:
        """How many none noticed."""
        return self._count("survived")

    @property
    def undecided(self) -> int:
        """How many only a model could judge."""
        return self._count("undecided")

    @property
    def survivors(self) -> tuple[Item, ...]:
        """Those that none noticed."""
        return tuple(item for item in self.items if item.verdict == "survived")

    @property
    def score(self) -> float | None:
        """The share that was noticed, of those that could be decided; None where there is none."""
        decided = self.killed + self.survived
        return self.killed / decided if decided else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for reports."""
        return {
            "score": self.score,
            "killed": self.killed,
            "survived": self.survived,
            "undecided": self.undecided,
            "unchecked": list(self.unchecked),
            "items": [dataclasses.asdict(item) for item in self.items],
        }


def score(
    expectations: Mapping[int | None, Expectation],
    run: Run,
    context: CheckContext | None = None,
) -> MutationReport:
    """Change ``run`` in every way there is and ask ``expectations`` about each.

    Args:
        expectations: by turn, counted from 0; those under None are of the whole run, and look at
            its last turn.
        run: what the expectations were met by. Where one is not met, it notices nothing.

    Raises:
        ScenarioError: an expectation cannot be decided on ``run`` itself.
    """
    context = dataclasses.replace(context or CheckContext(), explain=False)
    known = {turn: _unmet(turn, e, run, run, context) for turn, e in expectations.items()}
    looked_at = [t for t in range(len(run.turns)) if t in expectations or _is_last(t, run, known)]
    items = [
        _judged(mutant, expectations, known, run, context)
        for turn in looked_at
        for mutant in _mutants(run, turn)
    ]
    if None in expectations:
        for turn in (t for t in range(len(run.turns)) if t not in looked_at):
            items += [
                _judged(mutant, expectations, known, run, context)
                for mutant in call_mutants(run, turn)
            ]
    unchecked = tuple(t for t in range(len(run.turns)) if t not in looked_at)
    return MutationReport(tuple(items), unchecked)


def _is_last(turn: int, run: Run, known: Mapping[int | None, Any]) -> bool:
    return None in known and turn == len(run.turns) - 1


def _mutants(run: Run, turn: int) -> Iterator[Mutant]:
    yield from answer_mutants(run, turn)
    yield from call_mutants(run, turn)


def _unmet(
    turn: int | None, expectation: Expectation, changed: Run, run: Run, context: CheckContext
) -> set[str]:
    part, original = (
        (changed, run) if turn is None else (of_turn(changed, turn), of_turn(run, turn))
    )
    context = dataclasses.replace(context, unchanged=original)
    return {failure.path for failure in expectation.check(part, context)}


def _judged(
    mutant: Mutant,
    expectations: Mapping[int | None, Expectation],
    known: Mapping[int | None, set[str]],
    run: Run,
    context: CheckContext,
) -> Item:
    undecided = False
    for turn in (mutant.turn, None):
        if turn not in expectations:
            continue
        try:
            unmet = _unmet(turn, expectations[turn], mutant.run, run, context) - known[turn]
        except NeedsModel:
            undecided = True
            continue
        except ScenarioError as error:  # a scenario that cannot be decided is noticed too
            return _item(mutant, "killed", str(error)[:120])
        if unmet:
            return _item(mutant, "killed", min(unmet))
    return _item(mutant, "undecided" if undecided else "survived")


def _item(mutant: Mutant, verdict: Verdict, by: str = "") -> Item:
    return Item(mutant.what, mutant.turn, mutant.change, verdict, by)
