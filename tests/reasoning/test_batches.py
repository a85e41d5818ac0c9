"""Several runs side by side: one batch of the model, and each run's own result, error and trace."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableLambda

from agentlab import Session, load_prompt
from agentlab.chains.usage import UsageCounter
from agentlab.errors import InvalidOutput
from agentlab.reasoning import chain_of_thought, self_consistency, validated
from agentlab.reasoning.program import Reasoning
from agentlab.reasoning.steps import Ask, Do, Program
from tests.reasoning.conftest import asks, says


class Counting(RunnableLambda[Any, Any]):
    """Adds one, and notes how large each batch was."""

    def __init__(self) -> None:
        super().__init__(lambda number: number + 1)
        self.sizes: list[int] = []

    def batch(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self.sizes.append(len(inputs))
        return super().batch(inputs, *args, **kwargs)

    async def abatch(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        self.sizes.append(len(inputs))
        return await super().abatch(inputs, *args, **kwargs)


class Climbing(Reasoning):
    """Asks until it is at 3; from 9 it fails, and from a negative number it works in a thread."""

    def __init__(self, adder: Counting) -> None:
        self.adder = adder

    def program(self, input: Any) -> Program:
        if input == 9:
            raise InvalidOutput("nine", text="9")
        if input < 0:
            return (yield Do(lambda: -input))
        while input < 3:
            input = yield Ask(self.adder, input)
        return input


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_runs_ask_at_a_time_is_one_batch(asynchronous: bool) -> None:
    adder = Counting()
    climbing = Climbing(adder)
    inputs = [0, 1, 2, 3, -5]
    results = await climbing.abatch(inputs) if asynchronous else climbing.batch(inputs)
    assert results == [3, 3, 3, 3, 5]
    assert adder.sizes == [3, 2, 1]
    assert (await climbing.abatch([]) if asynchronous else climbing.batch([])) == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_error_is_its_own_runs(asynchronous: bool) -> None:
    climbing = Climbing(Counting())

    async def batch(**kwargs: Any) -> Any:
        if asynchronous:
            return await climbing.abatch([2, 9], **kwargs)
        return climbing.batch([2, 9], **kwargs)

    three, nine = await batch(return_exceptions=True)
    assert three == 3
    assert isinstance(nine, InvalidOutput)
    with pytest.raises(InvalidOutput, match="nine"):
        await batch()


def test_paths_of_a_chain_of_thought_are_counted_each() -> None:
    answer = {"thought": "t", "answer": "1"}
    usage = UsageCounter()
    chain = self_consistency(chain_of_thought(says(*[answer] * 3)), n=3, early_stop=False)
    result = chain.invoke("q", {"callbacks": [usage]})
    assert result["usage"]["model_calls"] == usage.calls == 3
    right = validated(asks(says("a", "b", "a")), regex="a", retries=1)
    assert right.batch(["q", "q"]) == ["a", "a"]


def test_a_session_talks_to_them() -> None:
    model = says({"thought": "t", "answer": "Ada"}, {"thought": "t", "answer": "41"})
    session = Session(chain_of_thought(model))
    assert session.send("Who?").text == "Ada"
    assert session.send("How old?").text == "41"
    voted = self_consistency(load_prompt("chat") | says("yes", "yes"), n=2)
    assert Session(voted).send("Well?").text == "yes"


@pytest.mark.model
def test_a_batch_of_the_real_model_gives_what_one_by_one_gives(smollm2: BaseChatModel) -> None:
    model = smollm2.model_copy(update={"max_tokens": 4})
    chain = chain_of_thought(model, answer=["yes", "no"], max_lines=1)
    questions = ["Is snow white?", "Is coal white?"]
    together = [(r["thought"], r["answer"]) for r in chain.batch(questions)]
    assert together == [(r["thought"], r["answer"]) for r in map(chain.invoke, questions)]
