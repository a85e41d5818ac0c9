"""``similar``, ``judge`` and ``logprob``: what needs a model, or what one said of its own answer.

Models are asked through the boundary, so a recorded run's judgements are replayed with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentlab.errors import ScenarioError
from agentlab.recording import Step
from agentlab.scenarios.expectations.base import (
    Check,
    CheckContext,
    Compiler,
    Expectation,
    NeedsModel,
    Place,
    fields,
    kind_of,
    wrong,
)
from agentlab.scenarios.expectations.diffs import is_number, shown
from agentlab.scenarios.results import Failure, Run

SIMILAR = ("to", "min", "model")
JUDGE = ("ask", "model", "p")
LOGPROB = ("min_agree", "min_mean")


def _as_known(subject: Run, context: CheckContext) -> bool:
    """Whether a changed run has the answer that is known to meet what a model decides.

    Raises:
        NeedsModel: it has another answer.
    """
    if context.unchanged is None:
        return False
    if subject.text != context.unchanged.text:
        raise NeedsModel
    return True


@dataclass(frozen=True)
class Similar(Check[Run]):
    """The cosine of the answer's embedding and that of another text is at least ``least``."""

    place: Place
    to: str
    least: float
    model: Any

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        if _as_known(subject, context):
            return []
        embeddings = context.embeddings(self.model)
        # Always these two together: a vector changes a little with what it is computed beside.
        a, b = embeddings.embed_documents([self.to, subject.text])
        likeness = cosine(a, b)
        if likeness >= self.least:
            return []
        got = f"{likeness:.3f}: {shown(subject.text)}"
        return [Failure(str(self.place), str(self), got)]

    def __str__(self) -> str:
        return f"similar to {shown(self.to, 120)}, at least {self.least:g}"


def cosine(a: Iterable[float], b: Iterable[float]) -> float:
    """The cosine of two vectors; 0 where one is zero."""
    left, right = list(a), list(b)
    product = math.sumprod(left, right) if hasattr(math, "sumprod") else _dot(left, right)
    length = math.sqrt(_dot(left, left) * _dot(right, right))
    return product / length if length else 0.0


def _dot(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@dataclass(frozen=True)
class Judge(Check[Run]):
    """A model says yes to a question about the answer, with at least this probability."""

    place: Place
    ask: str
    model: Any
    least: float

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        if _as_known(subject, context):
            return []
        model = self.model if hasattr(self.model, "invoke") else context.model(self.model)
        p = probability_of_yes(model, question(self.ask, subject))
        if p >= self.least:
            return []
        verdict = "yes" if p >= 0.5 else "no"
        got = f"{verdict} (yes with p {p:.3f}): {shown(subject.text)}"
        return [Failure(str(self.place), str(self), got)]

    def __str__(self) -> str:
        return f"yes to {shown(self.ask, 160)} with p at least {self.least:g}"


_INSTRUCTIONS = (
    "You check answers of an assistant. Read the input and the answer, then say whether the "
    "statement or question about the answer is met. Say only yes or no. "
)


def question(ask: str, run: Run) -> list[Any]:
    """The messages that put ``ask`` to a judge; what it judges is marked as data."""
    from langchain_core.messages import HumanMessage, SystemMessage

    from agentlab.untrusted import NOTICE, wrap

    asked = run.turns[-1].input if run.turns else ""
    told = asked if isinstance(asked, str) else shown(asked, 2_000)
    data = f"{wrap(told, 'input')}\n\n{wrap(run.text, 'answer')}"
    text = f"{data}\n\nAbout the answer: {ask}\nyes or no?"
    return [SystemMessage(_INSTRUCTIONS + NOTICE), HumanMessage(text)]


def probability_of_yes(model: Any, messages: list[Any]) -> float:
    """The model's probability of yes, of yes and no together.

    See :func:`agentlab.models.verdicts.decide`.

    Raises:
        InvalidOutput: a hosted model gave neither.
    """
    from agentlab.models.verdicts import decide  # a package that few scenarios need

    return decide(model, messages, ["yes", "no"]).share("yes")


@dataclass(frozen=True)
class Logprob(Check[Run]):
    """How sure the model was of its own last answer.

    ``agree``: the share of tokens that are its first choice. ``mean``: the mean natural
    log-probability of a token.
    """

    place: Place
    measure: str
    least: float

    def check(self, subject: Run, context: CheckContext) -> list[Failure]:
        if _as_known(subject, context):
            return []
        entries = _entries(subject, self.place)
        if self.measure == "mean":
            value = math.fsum(entry["logprob"] for entry in entries) / len(entries)
            worst = min(entries, key=lambda entry: entry["logprob"])
            told = f"the least likely token is {shown(worst['token'])}: {worst['logprob']:.2f}"
        else:
            others = [entry for entry in entries if not _first_choice(entry, self.place)]
            value = 1 - len(others) / len(entries)
            told = ""
            if others:
                better = others[0]["top_logprobs"][0]["token"]
                told = f"its first choice for {shown(others[0]['token'])} was {shown(better)}"
        if value >= self.least:
            return []
        return [Failure(str(self.place), str(self), f"{value:.3f}", told)]

    def __str__(self) -> str:
        name = {"mean": "mean log-probability", "agree": "share of first choices"}[self.measure]
        return f"{name} at least {self.least:g}"


def _entries(run: Run, place: Place) -> list[Mapping[str, Any]]:
    steps = [step for step in run.steps if step.kind == "model" and step.error is None]
    if not steps:
        raise ScenarioError(f"{place}: no model answered in this run")
    logprobs = _metadata(steps[-1]).get("logprobs")
    entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not entries:
        raise ScenarioError(
            f"{place}: the recording has no log-probabilities of the answer",
            hint="give the model logprobs=True and top_logprobs=1, and record again",
        )
    return list(entries)


def _metadata(step: Step) -> Mapping[str, Any]:
    from agentlab.recording.chunks import merged, read_chunks
    from agentlab.recording.replies import read_message

    if step.chunks is not None:
        message = merged(read_chunks(step)).generations[0].message
    else:
        message = read_message(step.reply, step.usage)
    return dict(message.response_metadata)


def _first_choice(entry: Mapping[str, Any], place: Place) -> bool:
    rivals = entry.get("top_logprobs")
    if not rivals:
        raise ScenarioError(
            f"{place}: the recording does not say which tokens were likelier",
            hint="give the model top_logprobs=1, and record again",
        )
    return bool(entry["logprob"] >= rivals[0]["logprob"])


def compile_similar(raw: Any, place: Place, compiler: Compiler) -> Expectation:
    """``similar: {to: text, min: 0.75, model: spec}``."""
    given = fields(raw, place, SIMILAR, ("to",))
    to = _text(given["to"], place / "to")
    least = _number(given.get("min", 0.75), place / "min", -1, 1)
    return Similar(place, to, least, _model(given, place, "embed_documents"))


def compile_judge(raw: Any, place: Place, compiler: Compiler) -> Expectation:
    """``judge: {ask: question, model: name, p: 0.8}``."""
    given = fields(raw, place, JUDGE, ("ask",))
    ask = _text(given["ask"], place / "ask")
    least = _number(given.get("p", 0.5), place / "p", 0, 1)
    return Judge(place, ask, _model(given, place, "invoke"), least)


def compile_logprob(raw: Any, place: Place, compiler: Compiler) -> list[Expectation]:
    """``logprob: {min_agree: 0.9, min_mean: -0.5}``."""
    limits: dict[str, Callable[[Any, Place], float]] = {
        "min_agree": lambda v, where: _number(v, where, 0, 1),
        "min_mean": lambda v, where: _number(v, where, -math.inf, 0),
    }
    return [
        Logprob(place / key, key.removeprefix("min_"), limits[key](value, place / key))
        for key, value in fields(raw, place, LOGPROB).items()
    ]


def _text(raw: Any, place: Place) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise wrong(place, f"expected text, got {kind_of(raw) if raw != '' else 'empty text'}")
    return raw


def _number(raw: Any, place: Place, low: float, high: float) -> float:
    if not is_number(raw) or not low <= raw <= high:
        got = raw if is_number(raw) else kind_of(raw)
        bounds = f"from {low:g} to {high:g}" if low > -math.inf else f"of {high:g} or less"
        raise wrong(place, f"expected a number {bounds}, got {got}")
    return float(raw)


def _model(given: Mapping[str, Any], place: Place, method: str) -> Any:
    model = given.get("model")
    if model is None or hasattr(model, method) or (isinstance(model, str) and model):
        return model
    raise wrong(place / "model", f"expected the name of a model, got {kind_of(model)}")
