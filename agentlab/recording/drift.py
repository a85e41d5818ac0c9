"""Where a run leaves its recording, and what is different there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentlab.recording.words import Piece, marked

What = Literal[
    "prompt edited",
    "message edited",
    "message inserted",
    "message removed",
    "messages reordered",
    "retrieved document",
    "tool result",
    "tool schema",
    "tool arguments",
    "sampler",
    "grammar",
    "model identity",
    "query",
    "texts",
    "input",
    "different call",
    "call not recorded",
    "call not made",
    "answer",
]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``where`` is a path such as ``messages[0] system``; ``diff`` is word by word.

    ``before`` is recorded, ``after`` is now.
    """

    what: What
    where: str
    before: str = ""
    after: str = ""
    diff: tuple[Piece, ...] = ()

    def __str__(self) -> str:
        if self.diff:
            shown = marked(self.diff)
        else:
            shown = " -> ".join(_shortened(side) for side in (self.before, self.after) if side)
        return f"{self.where}: {self.what}: {shown}"


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely a recorded answer is under today's request.

    ``agree`` is the share of its tokens that are the model's first choice, ``mean`` the mean
    log-probability of a token. ``first`` is its first token that is not, and the one that the
    model would take there. ``was`` is the mean when it was recorded, where that is known.
    """

    agree: float
    mean: float
    first: tuple[str, str] | None = None
    was: float | None = None

    @property
    def kept(self) -> dict[str, float]:
        """What a recording keeps of it."""
        return {"agree": round(self.agree, 4), "mean": round(self.mean, 4)}

    @property
    def figures(self) -> str:
        """``agree 1.00, mean -0.31 (was -0.28)``."""
        was = "" if self.was is None else f" (was {self.was:.2f})"
        return f"agree {self.agree:.2f}, mean {self.mean:.2f}{was}"

    @property
    def verdict(self) -> str:
        """What that means for the answer, in a few words."""
        if self.agree == 1:
            return "the same answer is expected"
        if self.first is None:
            return "another answer is expected"
        return f"another answer is expected: {self.first[0]!r} becomes {self.first[1]!r}"


@dataclass(frozen=True, slots=True)
class Drift:
    """The first divergent step of a run: ``step`` of ``of``, counted from 1.

    ``stale`` is the number of recorded steps after it that say nothing any more. ``recorded`` is
    what came of the step when it was recorded, in one line.
    """

    step: int
    of: int
    kind: str
    target: str
    changes: tuple[Change, ...]
    stale: int = 0
    recorded: str = ""
    likelihood: Likelihood | None = None

    @property
    def what(self) -> What:
        """The first change, in a word or two."""
        return self.changes[0].what

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, HTML and JUnit; texts whole, diffs as [what, text] pairs."""
        result: dict[str, Any] = {
            "step": self.step,
            "of": self.of,
            "kind": self.kind,
            "target": self.target,
            "stale": self.stale,
            "recorded": self.recorded,
            "changes": [
                {
                    "what": change.what,
                    "where": change.where,
                    "before": change.before,
                    "after": change.after,
                    "diff": [[piece.what, piece.text] for piece in change.diff],
                }
                for change in self.changes
            ],
        }
        if self.likelihood is not None:
            likelihood = self.likelihood
            result["likelihood"] = {
                "agree": likelihood.agree,
                "mean": likelihood.mean,
                "verdict": likelihood.verdict,
            }
            if likelihood.was is not None:
                result["likelihood"]["was"] = likelihood.was
            if likelihood.first is not None:
                result["likelihood"]["first"] = list(likelihood.first)
        return result

    def __str__(self) -> str:
        place = f"step {self.step} of {self.of}" if self.step <= self.of else "the end"
        lines = [f"{place} ({self.kind} {self.target})"]
        lines += [f"  {change}" for change in self.changes]
        if self.recorded:
            lines.append(f"  recorded: {self.recorded}")
        if self.likelihood is not None:
            lines.append(f"  likelihood now: {self.likelihood.figures}: {self.likelihood.verdict}")
        if self.stale:
            lines.append(
                f"  {self.stale} later {'step is' if self.stale == 1 else 'steps are'} stale"
            )
        return "\n".join(lines)


def _shortened(text: str, most: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
