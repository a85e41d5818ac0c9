"""Routing: a question to the index, chain or tool that can answer it, or to none.

Source: Larson et al., "An Evaluation Dataset for Intent Classification and Out-of-Scope
Prediction", EMNLP 2019, for what a router has to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool

from agentlab.boundary import recordable
from agentlab.errors import ConfigError
from agentlab.events import Warned
from agentlab.models.embeddings import load_embeddings
from agentlab.rag.techniques.control import Control, list_of, object_of
from agentlab.rag.techniques.evidence import interleaved
from agentlab.rag.techniques.examples import ExampleIndex, Guess, Reading
from agentlab.rag.techniques.steps import Steps, act, ask, is_survivable, together
from agentlab.rag.techniques.technique import Found, Task, Technique, planned, technique_of

PROMPT = "rag/route"
By = Literal["examples", "model", "both"]
NOWHERE = "out_of_scope"
REFUSE = "refuse"  # a target
_SHOWN = 3  # examples of a route that a model is shown
_OFFERED = 3  # routes that a model chooses among where the question is in scope by examples
_NEVER = "out of scope"


@dataclass(frozen=True)
class Route:
    """A place that questions can be sent to.

    Attributes:
        target: an index, a retriever or a technique, which finds documents; a tool, a chain, a
            model or a function of the question, whose result is the answer; or ``"refuse"``.
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
    if not 0 < kept <= 1:
        raise ConfigError(f"kept must be above 0 and at most 1, not {kept!r}")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ConfigError(f"most must be a whole number from 1, not {most!r}")
    control = Control(model, PROMPT) if by != "examples" else None
    examples = (
        ExampleIndex(
            {n: r.examples for n, r in made.items()}, load_embeddings(embeddings), keep, calibration
        )
        if by != "model"
        else None
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
        self._targets = {name: _target(one.target) for name, one in routes.items()}
        self._control = control
        self._examples = examples
        self._threshold = threshold
        self._kept = kept
        self._margin = margin
        self._most = most

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
        found = yield from together([self._taken(name, task.below(node)) for name in taken])
        return (yield from _merged(taken, found))

    def _taken(self, name: str, task: Task) -> Steps[Found]:
        target = self._targets[name]
        if isinstance(target, Technique):
            return (yield from target.steps(task))
        assert target is not None  # steps() looks
        node = task.node.add("run", task.question)
        said: Any = task.question
        if getattr(target, "takes_history", False):
            said = {"input": task.question, "history": list(task.history)}
        value = yield from act(target, said)
        node.note = name
        yield planned(node, task.node)
        return Found(answer=_text(value))

    def _chosen(self, task: Task) -> Steps[tuple[list[str], str]]:
        """The routes, none for out of scope, and what they were chosen by."""
        read = self._examples.read(task.question) if self._examples is not None else None
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
    """One result of several routes: their answers, or their documents in turn."""
    good = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, Exception):
            if len(names) == 1:
                raise result
            yield Warned(f"the route {name!r} failed: {result}")
        else:
            good.append(result)
    if not good:
        raise next(result for result in results if isinstance(result, Exception))
    documents = interleaved([found.documents for found in good])
    answers = [found.answer for found in good if found.answer is not None]
    declined = next((found.declined for found in good if found.declined), "")
    return Found(
        documents,
        answer="\n\n".join(answers) if answers and not documents else None,
        declined="" if documents or answers else declined,
        routes=tuple(dict.fromkeys([*names, *(r for found in good for r in found.routes)])),
        joint=any(found.joint for found in good),
    )


def _target(target: Any) -> Technique | Runnable[Any, Any] | None:
    """What a route leads to; None refuses."""
    if target == REFUSE:
        return None
    if isinstance(target, Technique | BaseRetriever) or hasattr(target, "as_retriever"):
        return technique_of(target)
    if isinstance(target, BaseTool):
        return _OfTool(recordable(target))
    if isinstance(target, Runnable):
        return recordable(target)
    if callable(target):
        return RunnableLambda(target)
    raise ConfigError(
        f"a route cannot lead to a {type(target).__name__}",
        hint='an index, a retriever, a tool, a chain, a model, a function, or "refuse"',
    )


class _OfTool(Runnable[Any, Any]):
    """A tool that is given the question as its only argument."""

    def __init__(self, tool: BaseTool) -> None:
        names = list(tool.args)
        if len(names) != 1:
            raise ConfigError(
                f"the tool {tool.name!r} takes {len(names)} arguments, and a question is one",
                hint="put it into a function or an agent",
            )
        self._tool, self._argument = tool, names[0]

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return self._tool.invoke({self._argument: input}, config)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return await self._tool.ainvoke({self._argument: input}, config)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("answer", "output", "text") if key in value), value)
    return str(getattr(value, "text", value))
