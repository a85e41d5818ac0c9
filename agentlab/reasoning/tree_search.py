"""Tree of thought: several next thoughts at each step, judged, and the promising ones followed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable

from agentlab.errors import ConfigError
from agentlab.events import Considered, Token, Usage
from agentlab.prompts import Prompt, load_prompt
from agentlab.reasoning.answers import answer_kind
from agentlab.reasoning.deciding import check_choices
from agentlab.reasoning.models import chat_model, copied, holds
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.results import as_result
from agentlab.reasoning.steps import Program
from agentlab.reasoning.tree import Node, as_mermaid, as_text
from agentlab.reasoning.tree_asking import Asking, OutOfBudget

Search = Literal["bfs", "dfs", "beam"]
VERDICTS = {"sure": 1.0, "likely": 0.5, "impossible": 0.0}


@dataclass(frozen=True, slots=True)
class TreePrompts:
    """The prompts of a tree: what proposes, what judges, what gives the answer."""

    propose: Prompt
    evaluate: Prompt
    answer: Prompt


def tree_of_thought(
    model: BaseChatModel | Runnable[Any, Any] | str,
    propose: str | Prompt = "reason/propose",
    evaluate: str | Prompt = "reason/evaluate",
    *,
    breadth: int = 3,
    depth: int = 3,
    search: Search = "bfs",
    keep: int | None = None,
    verdicts: Mapping[str, float] | None = None,
    prune_below: float = 0.2,
    max_calls: int = 60,
    max_tokens: int | None = None,
    answer: Any = "text",
    conclude: str | Prompt = "reason/conclude",
) -> TreeOfThought:
    """Search over thoughts (Yao et al., *Tree of Thoughts: Deliberate Problem Solving with Large
    Language Models*, 2023).

    Each step proposes ``breadth`` next thoughts in one call, held to a list; each is judged by one
    of ``verdicts``, and the model can say nothing else. Judgements of one step are one batch. A
    thought below ``prune_below`` is given up.

    - ``bfs``: level by level; all thoughts that are left are followed;
    - ``beam``: level by level; the best ``keep`` are followed (the paper's breadth-first search);
    - ``dfs``: the best one first, down to ``depth``; where all are given up it goes back to the
      next best one above. It ends at the first thought of full depth that is not given up.

    The result is a dict: ``answer``, told from the best path; ``thoughts``, that path; ``score``,
    of its last thought, None where there is none; ``tree``, nested mappings with ``text``,
    ``score``, ``verdict``, ``state`` and ``children``;
    ``picture`` and ``mermaid``, the tree drawn; ``stopped``, ``"calls"`` or ``"tokens"`` where the
    budget ran out, which leaves enough for the answer; ``usage`` and ``messages``.

    Args:
        model: a GGUF model, or one with structured output, or its spec.
        propose: a prompt that takes ``input``, ``thoughts`` (those so far) and ``count``.
        evaluate: a prompt that takes ``input`` and ``thoughts``, and asks for a verdict.
        verdicts: each with its score from 0 to 1, told apart by their first letters. Of a local
            model the score is the mean over the probabilities of all verdicts.
        keep: of ``beam``, by default ``breadth``.
        max_calls: calls of the model, the answer's included.
        max_tokens: tokens read and written after which no further step is begun.
        answer: the kind of answer, as for ``chain_of_thought``.
        conclude: a prompt that takes ``input``, ``thoughts`` and ``answer``.

    Raises:
        ConfigError: an argument is wrong, or the model can be held to no form.
    """
    asked = chat_model(model, "tree_of_thought")
    if holds(asked) == "nothing":
        raise ConfigError(
            f"{type(asked).__name__} can be held to no form, so it can't give verdicts",
            hint="use a GGUF model, or one with structured output",
        )
    counts = {"breadth": breadth, "depth": depth, "keep": keep, "max_tokens": max_tokens}
    for name, value in counts.items():
        wrong = isinstance(value, bool) or not isinstance(value, int) or value < 1
        if wrong and not (value is None and name in ("keep", "max_tokens")):
            raise ConfigError(f"{name} must be a whole number of at least 1, not {value!r}")
    if isinstance(max_calls, bool) or not isinstance(max_calls, int) or max_calls < 3:
        raise ConfigError(f"max_calls must be at least 3, not {max_calls!r}")
    if search not in ("bfs", "dfs", "beam"):
        raise ConfigError(f"search must be bfs, dfs or beam, not {search!r}")
    named = verdicts is None or (
        isinstance(verdicts, Mapping) and all(isinstance(word, str) for word in verdicts)
    )
    if not named:
        raise ConfigError(
            f"verdicts are a mapping of each word to its score, not {verdicts!r}",
            hint='such as {"yes": 1, "no": 0}',
        )
    scores = dict(VERDICTS if verdicts is None else verdicts)
    check_choices(list(scores))
    if not all(_is_share(score) for score in scores.values()):
        raise ConfigError(f"the scores of verdicts are from 0 to 1, not {scores!r}")
    if not _is_share(prune_below):
        raise ConfigError(f"prune_below must be a number from 0 to 1, not {prune_below!r}")
    prompts = TreePrompts(load_prompt(propose), load_prompt(evaluate), load_prompt(conclude))
    asking = Asking(breadth, scores, max_calls, max_tokens, answer_kind(answer), prompts)
    return TreeOfThought(asked, asking, depth, search, keep or breadth, prune_below)


class TreeOfThought(Reasoning):
    """See :func:`tree_of_thought`. Streams a ``Considered`` event for each thought judged."""

    label = "tree_of_thought"

    def __init__(
        self,
        model: Runnable[Any, Any],
        asking: Asking,
        depth: int,
        search: Search,
        keep: int,
        prune_below: float,
    ) -> None:
        self.model = model
        self._asking = asking
        self._depth = depth
        self._search = search
        self._keep = keep
        self._prune_below = prune_below

    def __repr__(self) -> str:
        return f"TreeOfThought(search={self._search!r}, depth={self._depth})"

    def needed(self) -> list[str]:
        """The problem."""
        return ["input"]

    def mapped(self, change: Callable[[Any], Any]) -> TreeOfThought:
        """A copy whose model is ``change(model)``."""
        model = change(self.model)
        return self if model is self.model else copied(self, model=model)

    def program(self, input: Any) -> Program:
        """Search, then tell the answer from the best path."""
        problem = _problem(input)
        root = Node(problem)
        held = self.kept(self.model, "held", lambda: self._asking.held(self.model))
        run = self._asking.begin(held, problem)
        stopped: str | None = None
        try:
            if self._search == "dfs":
                yield from self._deep(run, root)
            else:
                yield from self._level_by_level(run, root)
        except OutOfBudget as out:
            stopped = out.what
        best = _best(root)
        for node in best.path():
            node.state = "chosen"
        answer = yield from run.conclude(best)
        yield Token(answer)
        tree = root.as_dict()
        return {
            "answer": answer,
            "thoughts": [node.text for node in best.path()],
            "score": best.score,
            "tree": tree,
            "picture": as_text(tree),
            "mermaid": as_mermaid(tree),
            "stopped": stopped,
        }

    def finished(self, value: Any, usage: Usage) -> Any:
        """The result."""
        return as_result(value, usage)

    def _level_by_level(self, run: Any, root: Node) -> Generator[Any, Any, None]:
        level = [root]
        for _ in range(self._depth):
            below: list[Node] = []
            for node in level:
                below += yield from self._expanded(run, node)
            level = [node for node in below if node.state == "open"]
            if self._search == "beam":
                level.sort(key=_score, reverse=True)
                for node in level[self._keep :]:
                    node.state = "pruned"
                level = level[: self._keep]
            if not level:
                return

    def _deep(self, run: Any, node: Node) -> Generator[Any, Any, bool]:
        if node.depth == self._depth:
            return True
        children = yield from self._expanded(run, node)
        for child in sorted(children, key=_score, reverse=True):
            if child.state == "open" and (yield from self._deep(run, child)):
                return True
            child.state = "pruned"  # nothing below it was left: back to the next one
        return False

    def _expanded(self, run: Any, node: Node) -> Generator[Any, Any, list[Node]]:
        children: list[Node] = yield from run.propose(node)
        yield from run.judge(children)
        for child in children:
            if child.score is not None and child.score < self._prune_below:
                child.state = "pruned"
            detail = {"depth": child.depth, "score": child.score, "verdict": child.verdict}
            yield Considered("thought", child.text, {**detail, "state": child.state})
        return children


def _best(root: Node) -> Node:
    """The deepest thought that is left, and of those the best; the root where none is.

    One that was not judged, since the budget ran out, is none.
    """
    nodes = [node for node in root.walk() if node.state == "open" and node.score is not None]
    return max(nodes, key=lambda node: (node.depth, _score(node)), default=root)


def _score(node: Node) -> float:
    return node.score or 0.0


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _problem(input: Any) -> str:
    if isinstance(input, Mapping):
        input = next((input[key] for key in ("input", "question") if key in input), None)
    if isinstance(input, PromptValue):  # of a prompt before it
        input = "\n\n".join(message.text for message in input.to_messages())
    text = getattr(input, "text", input)
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(
            "a tree of thought needs a problem", hint='give a text, or {"input": "…"}'
        )
    return text.strip()
