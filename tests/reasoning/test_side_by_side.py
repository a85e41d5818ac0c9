"""Several runs of what holds a model to a form: their calls are one batch."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda

from agentlab.reasoning import (
    chain_of_thought,
    fill_in,
    second_look,
    self_consistency,
    tree_of_thought,
    validated,
)
from tests.reasoning.conftest import asks, says


class Together(BaseChatModel):
    """A model with structured output, each of whose answers waits for ``count`` calls at a time."""

    said: Any
    barrier: Any

    @property
    def _llm_type(self) -> str:
        return "together"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        self.barrier.wait(timeout=5)  # broken where fewer are asked at once
        said = self.said.pop(0)
        calls = [] if isinstance(said, str) else [{"name": "x", "args": said, "id": "1"}]
        text = said if isinstance(said, str) else ""
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, tool_calls=calls))])


def together(*said: Any) -> Any:
    return Together(said=[each for each in said for _ in range(3)], barrier=threading.Barrier(3))


THOUGHT = {"thought": "t", "answer": "6"}


@pytest.mark.parametrize(
    "chain",
    [
        lambda: validated(asks(together("6")) | StrOutputParser() | str.strip, choices=["6", "7"]),
        lambda: validated(
            asks(together("8", "6").bind(seed=3)) | JsonOutputParser(),
            schema={"type": "integer", "maximum": 7},
        ),
        lambda: validated(asks(together({"choice": "6"})), choices=["6", "7"]),
        lambda: validated(asks(together({"choice": "8"}, {"choice": "6"})), choices=["6", "7"]),
        lambda: validated(asks(together("6")) | StrOutputParser(), regex="6"),
        lambda: chain_of_thought(together(THOUGHT)),
        lambda: fill_in(together({"a": "6"}, {"b": "6"}), "[[a]] [[b]]"),
        lambda: validated(
            RunnableLambda(lambda _: "6"), rules=[second_look(together({"verdict": "yes"}), "?")]
        ),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_several_runs_ask_a_model_at_once(chain: Any, asynchronous: bool) -> None:
    made = chain()
    inputs = ["q", "q", "q"]
    results = await made.abatch(inputs) if asynchronous else made.batch(inputs)
    assert all("6" in str(result) for result in results)


def test_the_paths_of_a_round_are_one_batch() -> None:
    for chain in (
        chain_of_thought(together(THOUGHT)),
        validated(asks(together("6")) | StrOutputParser() | str.strip, choices=["6", "7"]),
        validated(asks(together({"choice": "6"})), choices=["6", "7"]),
    ):
        found = self_consistency(chain, n=3, early_stop=False).invoke("q")
        assert found["votes"] == {"6": 3}


def test_a_copy_asks_its_own_model() -> None:
    model = says(*[{"choice": "a"}] * 3)
    first = validated(asks(model), choices=["a", "b"])
    assert first.invoke("q") == "a"
    second = first.mapped(lambda _: asks(says({"choice": "b"})))
    assert (second.invoke("q"), first.invoke("q")) == ("b", "a")
    trees = tree_of_thought(says("x"))
    assert trees.kept(trees.model, "a", object) is trees.kept(trees.model, "a", object)
