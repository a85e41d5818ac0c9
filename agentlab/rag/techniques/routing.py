"""Routing: a question to the index, chain or tool that can answer it, or to none.

Source: Larson et al., "An Evaluation Dataset for Intent Classification and Out-of-Scope
Prediction", EMNLP 2019, for what a router has to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError
from agentlab.events import Warned
from agentlab.models.embeddings import load_embeddings
from agentlab.rag.techniques.control import Control, list_of, object_of
from agentlab.rag.techniques.evidence import interleaved
from agentlab.rag.techniques.examples import ExampleIndex, Guess, Reading
from agentlab.rag.techniques.steps import Steps, act, ask, is_survivable, together
from agentlab.rag.techniques.targets import Running, as_documents, target_of
from agentlab.rag.techniques.technique import Found, Simple, Task, Technique, planned
from agentlab.rag.values import check_number, check_whole

PROMPT = "rag/route"
By = Literal["examples", "model", "both"]
NOWHERE = "out_of_scope"
_SHOWN = 3  # examples of a route that a model is shown
_OFFERED = 3  # routes that a model chooses among where the question is in scope by examples
_NEVER = "out of scope"


@dataclass(frozen=True)
class Route:
    """A place that questions can be sent to.

    Attributes:
        target: an index, a retriever or a technique, which finds documents, or an answer from
            documents, which counts by its retriever; a tool, a chain, a model or a function of the
            question, whose result is the answer; or ``"refuse"``. A model, and a chain that has a
            place for it, are given the conversation too.
        description: what it can answer, for a model that chooses.
        examples: questions that belong there; about 20 are enough.
    """

    target: Any
    description: str = ""
    examples: Sequence[str] = field(default=())


def route(
    routes: Mapping[str, Route | Any],
    *,
    model: Any = None,
    embeddings: str | Embeddings = "bge-small",
    by: By | None = None,
    threshold: float | None = None,
    kept: float = 0.95,
    calibration: Sequence[str] = (),
    margin: float = 0.1,
    most: int = 1,
    keep: int | None = None,
) -> Router:
    """Sends each question to the routes that can answer it; what none can is declined.

    ``by`` says how: ``examples`` (a score, see :class:`ExampleIndex`; no model is asked), ``model``
    (a choice decoded out of the names), or ``both``: by examples where that is clear, else by the
    model. By default by examples, where every route has some: a 1.5B model that was asked where
    they are in doubt chose worse than they do.

    Args:
        routes: name to :class:`Route`; a target alone counts as one.
        model: a chat model or its spec.
        embeddings: of the examples.
        threshold: the least similarity to an example or a question of ``calibration``; set on
            them if None, so that ``kept`` of them pass.
        kept: the share of questions in scope that may not be refused, above 0 to 1.
        calibration: questions in scope, whatever their route, as a log has them: they set the
            threshold, and what is near one of them is in scope.
        margin: with ``both``: the model is asked where the second route's score is nearer than that
            to the first's, and chooses among those routes that score best.
        most: how many routes may be taken at once.
        keep: how many examples of a route are compared; see :class:`ExampleIndex`.

    Raises:
        ConfigError: there is no route, or a value is wrong.
    """
    made = {name: r if isinstance(r, Route) else Route(r) for name, r in routes.items()}
    if not made:
        raise ConfigError("there are no routes", hint='route({"docs": Route(index, "…", […])})')
    for name, one in made.items():
        if not isinstance(name, str) or not name.strip() or name == NOWHERE:
            raise ConfigError(f"{name!r} cannot be the name of a route")
        if isinstance(one.examples, str):
            raise ConfigError(f"the examples of the route {name!r} must be a list of questions")
    has_examples = all(r.examples for r in made.values())
    if by is None:
        by = "examples" if has_examples or model is None else "model"
    if by not in get_args(By):
        raise ConfigError(f"there is no way {by!r} to route", hint=f"use {', '.join(get_args(By))}")
    if by != "model" and not has_examples:
        name = next(name for name, one in made.items() if not one.examples)
        raise ConfigError(
            f"the route {name!r} has no examples", hint='or give model and by="model"'
        )
    if by != "examples" and model is None:
        raise ConfigError(f"to route by {by} needs a model")
    check_number("kept", kept, 0, 1, above=True)
    check_number("margin", margin, 0)
    check_whole("most", most, 1)
    if threshold is not None:
        check_number("threshold", threshold)
    if keep is not None:
        check_whole("keep", keep, 1)
    if isinstance(calibration, str) or not all(isinstance(text, str) for text in calibration):
        raise ConfigError(f"calibration must be a list of questions, not {calibration!r}")
    control = Control(model, PROMPT) if by != "examples" else None
    examples = (
        ExampleIndex(
            {n: r.examples for n, r in made.items()}, load_embeddings(embeddings), keep, calibration
        )
        if by != "model"
        else None
    )
    if examples is not None and threshold is None and len(examples) < 2:
        raise ConfigError(
            "one example alone sets no threshold",
            hint="give more examples, a calibration, or a threshold",
        )
    return Router(made, control, examples, threshold, kept, margin, most)


class Router(Technique):
    """See :func:`route`."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        control: Control | None,
        examples: ExampleIndex | None,
        threshold: float | None,
        kept: float,
        margin: float,
        most: int,
    ) -> None:
        self.name = "route"
        self.routes = dict(routes)
        self._targets = {name: target_of(one.target, name) for name, one in routes.items()}
        self._control = control
        self._examples = examples
        self._threshold = threshold
        self._kept = kept
        self._margin = margin
        self._most = most

    @property
    def parts(self) -> Sequence[Technique]:
        """See :class:`Technique`."""
        return [target for target in self._targets.values() if target is not None]

    def bottom(self, routes: Sequence[str] = ()) -> list[Simple]:
        """See :class:`Technique`."""
        taken = [target for name, target in self._targets.items() if name in routes and target]
        return list(dict.fromkeys(one for target in taken for one in target.bottom(routes)))

    @property
    def threshold(self) -> float:
        """The least similarity of what is in scope, 0 where no examples are compared."""
        if self._threshold is None:
            self._threshold = self._examples.threshold(self._kept) if self._examples else 0.0
        return self._threshold

    def choose(self, question: str) -> list[str]:
        """The names of the routes for ``question`` by examples alone; none out of scope."""
        if self._examples is None:
            raise ConfigError("these routes are chosen by a model", hint="use search(question)")
        return self._clear(self._examples.read(question))

    def steps(self, task: Task) -> Steps[Found]:
        """See :class:`Technique`."""
        node = task.node.add("route", task.question)
        names, why = yield from self._chosen(task)
        node.note = f"{', '.join(names) or _NEVER} ({why})"
        yield planned(node, task.node)
        taken = [name for name in names if self._targets[name] is not None]
        if not taken:
            told = "belongs to no route" if not names else f"is refused by {names[0]!r}"
            return Found(declined=f"the question {told}", routes=tuple(names))
        below, alone = task.below(node), len(taken) == 1
        found = yield from together(
            [self._taken(name, below, alone=alone and not task.aside) for name in taken]
        )
        return (yield from _merged(taken, found))

    def _taken(self, name: str, task: Task, *, alone: bool) -> Steps[Found]:
        target = self._targets[name]
        assert target is not None  # steps() looks
        return (
            target.run(task, tokens=alone) if isinstance(target, Running) else target.within(task)
        )

    def _chosen(self, task: Task) -> Steps[tuple[list[str], str]]:
        """The routes, none for out of scope, and what they were chosen by."""
        read = yield from self._read(task.question)
        if read is not None and (self._control is None or self._is_clear(read)):
            return self._clear(read), f"similarity {read.nearest:.2f}"
        assert self._control is not None  # route() looks
        otherwise = self._clear(read) if read is not None else []
        if not task.spent.ask():
            return otherwise, "the budget is spent"
        values, schema = self._values(task), self._schema(read)
        try:
            value = yield from ask(self._control, PROMPT, values, schema)
        except Exception as error:
            if not is_survivable(error):
                raise
            yield Warned(f"the model chose no route: {error}")
            return otherwise, "the model failed"
        names = [name for name in dict.fromkeys(value["routes"]) if name in self._targets]
        return names[: self._most], "by the model"

    def _read(self, question: str) -> Steps[Reading | None]:
        """What the examples tell; None where there are none, or a model can do without them."""
        if self._examples is None:
            return None
        try:
            reading: Reading = yield from act(_Reads(self._examples), question)
        except Exception as error:
            if self._control is None or not is_survivable(error):
                raise
            yield Warned(f"no examples were compared: {error}", hint="the model is asked")
            return None
        return reading

    def _is_clear(self, read: Reading) -> bool:
        return read.nearest >= self.threshold and len(self._near(read.guesses)) == 1

    def _near(self, guesses: Sequence[Guess]) -> list[str]:
        """The best route, and those whose score is as good, within the margin."""
        best = guesses[0].score
        return [g.name for g in guesses if g is guesses[0] or best - g.score < self._margin]

    def _clear(self, read: Reading) -> list[str]:
        """The routes by examples alone; none where the question is near no text in scope."""
        return self._near(read.guesses)[: self._most] if read.nearest >= self.threshold else []

    def _values(self, task: Task) -> dict[str, Any]:
        from agentlab.untrusted import neutralise

        routes = [
            {
                "name": name,
                "description": one.description or name,
                "examples": list(one.examples[:_SHOWN]),
            }
            for name, one in self.routes.items()
        ]
        said = neutralise(task.question)
        return {"question": said, "routes": routes, "most": self._most, "nowhere": NOWHERE}

    def _schema(self, read: Reading | None) -> dict[str, Any]:
        """The names there are to choose from: the best ones of a question that is in scope."""
        offered = list(self.routes)
        if read is not None and read.nearest >= self.threshold:
            offered = [guess.name for guess in read.guesses[: max(_OFFERED, self._most)]]
        name = {"type": "string", "enum": [*offered, NOWHERE]}
        routes = list_of(name, self._most, "the sources, or out_of_scope", 1)
        return object_of("routes", "Where the question goes.", routes=routes)


def _merged(names: Sequence[str], results: Sequence[Any]) -> Steps[Found]:
    """One result of several routes: their answers, or their documents in turn.

    An answer beside documents is a document itself.
    """
    told = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Exception):
            if len(names) == 1:
                raise result
            yield Warned(f"the route {name!r} failed: {result}")
        else:
            told.append((name, result))
    good = [found for _, found in told]
    if not good:
        raise next(result for result in results if isinstance(result, Exception))
    answers = [found.answer for found in good if found.answer is not None]
    declined = next((found.declined for found in good if found.declined), "")
    rankings = [found.documents for found in good]
    if any(rankings):  # then an answer is one of the documents, to be cited
        rankings = [found.documents or as_documents(name, found) for name, found in told]
    documents = interleaved(rankings)
    return Found(
        documents,
        answer="\n\n".join(answers) if answers and not documents else None,
        declined="" if documents or answers else declined,
        routes=tuple(dict.fromkeys([*names, *(r for found in good for r in found.routes)])),
        joint=any(found.joint for found in good),
    )


class _Reads(Runnable[str, Reading]):
    """Compares a text with examples: a request, as it may embed them all."""

    def __init__(self, examples: ExampleIndex) -> None:
        self._examples = examples

    def invoke(self, input: str, config: Any = None, **kwargs: Any) -> Reading:
        return self._examples.read(input)
