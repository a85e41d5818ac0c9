"""What a search over thoughts asks of its model, within a budget."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from agentlab.errors import InvalidOutput
from agentlab.prompts import load_prompt
from agentlab.prompts.settings import configured
from agentlab.reasoning.answers import AnswerKind
from agentlab.reasoning.deciding import deciding, verdict_of
from agentlab.reasoning.models import holds, structured, with_settings
from agentlab.reasoning.steps import Ask, AskAll
from agentlab.reasoning.tree import Node

_LONGEST = 240  # characters of a thought


class OutOfBudget(Exception):
    """Ends a search; ``what`` ran out."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Held:
    """A model held to what a tree asks for."""

    proposing: Any
    judging: Any
    concluding: Any
    bounded: bool  # no thought can be longer than _LONGEST


@dataclass(frozen=True, slots=True)
class Asking:
    """How a tree asks; see :func:`~agentlab.reasoning.tree_of_thought`."""

    breadth: int
    scores: Mapping[str, float]
    max_calls: int
    max_tokens: int | None
    kind: AnswerKind
    prompts: Any

    def held(self, model: Any) -> Held:
        """``model`` as it is asked, made once for all searches."""
        judging = with_settings(model, {"temperature": 0.0})
        concluding = configured(model, self.prompts.answer.config)
        bounded = holds(model) == "grammar"
        return Held(
            structured(
                configured(model, self.prompts.propose.config),
                _schema(self.breadth if bounded else None),
            ),
            deciding(judging, list(self.scores)),
            concluding.bind(regex=self.kind.pattern)
            if holds(concluding) == "grammar"
            else structured(concluding, _answer_schema(self.kind)),
            bounded,
        )

    def begin(self, held: Held, problem: str) -> Searching:
        """One search."""
        return Searching(self, held, problem)


class Searching:
    """The calls of one search, counted."""

    def __init__(self, asking: Asking, held: Held, problem: str) -> None:
        self._asking = asking
        self._problem = problem
        self._held = held
        self._calls = 1  # the answer's is kept for the end
        self._tokens = 0

    def propose(self, node: Node) -> Generator[Any, Any, list[Node]]:
        """The next thoughts after ``node``, put below it; those said before are left out.

        Raises:
            InvalidOutput: the first proposals are cut or malformed; later ones are a dead end.
        """
        self._spend(1)
        count = self._asking.breadth
        values = {**self._values(node), "count": count}
        output = yield Ask(self._held.proposing, self._asking.prompts.propose.render(values))
        self._note(output["raw"])
        if output["parsing_error"] is not None:
            if node.parent is None:
                raise output["parsing_error"]
            return []  # a dead end: what was cut or malformed is never taken
        thoughts = output["parsed"]["thoughts"]
        if self._held.bounded:  # one that fills its room was not ended by the model
            thoughts = [f"{t.rstrip()}…" if len(t) >= _LONGEST else t for t in thoughts]
        new = dict.fromkeys(text.strip() for text in thoughts if text.strip())
        before = {step.text for step in node.path()}
        found = [Node(text, node.depth + 1, node) for text in new if text not in before][:count]
        node.children += found
        return found

    def judge(self, nodes: list[Node]) -> Generator[Any, Any, None]:
        """Give each of ``nodes`` its verdict and score; one whose verdict is none is given up."""
        if not nodes:
            return
        self._spend(len(nodes))
        scores = self._asking.scores
        asks = []
        for node in nodes:
            messages = self._asking.prompts.evaluate.render(
                {**self._values(node), "verdicts": list(scores)}
            )
            asks.append(Ask(self._held.judging, messages))
        outputs = yield AskAll(tuple(asks), tolerated=(InvalidOutput,))
        for node, output in zip(nodes, outputs, strict=True):
            try:
                if isinstance(output, InvalidOutput):
                    raise output
                self._note(output["raw"] if isinstance(output, dict) else output)
                node.verdict, shares = verdict_of(output, list(scores))
            except InvalidOutput:
                node.state = "pruned"
                continue
            node.score = sum(share * scores[name] for name, share in shares.items())

    def conclude(self, node: Node) -> Generator[Any, Any, str]:
        """The answer, from the thoughts that lead to ``node``.

        One that is none is asked for once more, with what is wrong, where a call is left.
        """
        kind = self._asking.kind
        values = {**self._values(node), "answer": kind.told}
        messages = self._asking.prompts.answer.render(values)
        try:
            return (yield from self._answer(messages))
        except InvalidOutput as error:
            if self._calls >= self._asking.max_calls:
                raise
            self._calls += 1
            told = load_prompt("reason/again").render({"problems": [str(error)]})
            messages = [*messages, AIMessage(error.text or "…"), *told]
        return (yield from self._answer(messages))

    def _answer(self, messages: list[BaseMessage]) -> Generator[Any, Any, str]:
        kind = self._asking.kind
        output = yield Ask(self._held.concluding, messages)
        if isinstance(output, BaseMessage):  # decoded under its pattern
            if output.response_metadata.get("finish_reason") == "length":
                raise InvalidOutput(
                    "the answer was cut before it was whole",
                    text=str(output.text),
                    hint="give more max_tokens to the model",
                )
            return kind.read(str(output.text))
        if output["parsing_error"] is not None:
            raise output["parsing_error"]
        return kind.read(output["parsed"]["answer"])

    def _values(self, node: Node) -> dict[str, Any]:
        return {"input": self._problem, "thoughts": [step.text for step in node.path()]}

    def _spend(self, calls: int) -> None:
        asking = self._asking
        if self._calls + calls > asking.max_calls:
            raise OutOfBudget("calls")
        if asking.max_tokens is not None and self._tokens >= asking.max_tokens:
            raise OutOfBudget("tokens")
        self._calls += calls

    def _note(self, message: BaseMessage) -> None:
        usage = getattr(message, "usage_metadata", None)
        if usage:
            self._tokens += usage["total_tokens"]


def _schema(count: int | None) -> dict[str, Any]:
    """Of at most ``count`` short thoughts; without bounds for models that may not keep to them."""
    thought: dict[str, Any] = {"type": "string", "minLength": 1}
    thoughts: dict[str, Any] = {"type": "array", "items": thought, "minItems": 1}
    if count is not None:
        thought["maxLength"] = _LONGEST
        thoughts["maxItems"] = count
    return {
        "title": "proposals",
        "description": "Different next thoughts.",
        "type": "object",
        "properties": {"thoughts": thoughts},
        "required": ["thoughts"],
        "additionalProperties": False,
    }


def _answer_schema(kind: AnswerKind) -> dict[str, Any]:
    return {
        "title": "conclusion",
        "description": "The answer alone.",
        "type": "object",
        "properties": {"answer": {**kind.schema, "description": kind.told}},
        "required": ["answer"],
        "additionalProperties": False,
    }
