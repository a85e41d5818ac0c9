"""The loop: native calls and text steps, in every way to run it."""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.tools import tool

from agentlab import Limits, create_agent, handling, load_prompt, sequential
from agentlab.agents.reading import StepReader
from agentlab.agents.text import TextAttempt
from agentlab.chains import events_of
from agentlab.errors import ConfigError, ModelError
from agentlab.events import Answer, Thought, Token, ToolCall, ToolResult, Usage
from agentlab.memory import WindowMemory
from agentlab.models.scripted import ScriptedChatModel
from agentlab.session import Session
from tests.agents.parts import Spy, acts, call, native, of, run, text

CALL = call("calculator", expression="1599 * 0.85")
ACT = acts("calculator", '{"expression": "1599 * 0.85"}')
FINAL = "Thought: I know.\nFinal Answer: It is 1359.15 euros."


@pytest.mark.parametrize("model", [native(CALL, "It is 1359.15 euros."), text(ACT, FINAL)])
def test_a_tool_is_used_and_the_answer_given(model: Any) -> None:
    result, events = run(create_agent(model, ["calculator"]), "The price in euros?")

    assert result["answer"] == "It is 1359.15 euros."
    assert result["stopped"] is None
    (step,) = result["steps"]
    assert (step["tool"], step["args"]) == ("calculator", {"expression": "1599 * 0.85"})
    assert (step["result"], step["error"]) == ("1359.15", False)
    assert [m.type for m in result["messages"]] == ["human", "ai", "tool", "ai"]
    (made,) = of(ToolCall, events)
    (got,) = of(ToolResult, events)
    assert got == ToolResult(made.id, "calculator", "1359.15")
    assert "".join(e.text for e in of(Token, events)) == "It is 1359.15 euros."
    assert isinstance(events[-1], Usage)
    assert events[-1].model_calls == 2


def test_text_steps_are_kept_as_native_calls() -> None:
    result, events = run(create_agent(text(ACT, FINAL), ["calculator"]))

    _, asked, _, answer = result["messages"]
    assert asked.tool_calls[0]["name"] == "calculator"
    assert asked.content == ""
    assert asked.additional_kwargs["reasoning_content"] == "I need it."
    assert answer.content == "It is 1359.15 euros."
    assert [e.text for e in of(Thought, events)] == ["I need it.", "I know."]
    assert not any("Final" in e.text or "Action" in e.text for e in of(Token, events))


def test_a_text_model_is_shown_its_steps_as_turns() -> None:
    agent = create_agent(text(ACT, FINAL), ["calculator"])
    with handling(spy := Spy()):
        agent.invoke("The price?")

    first, second = spy.shown
    assert isinstance(first[0], SystemMessage)
    assert "calculator(expression: string)" in first[0].text
    assert second[: len(first)] == first, "what was read once must not change"
    assert [m.text for m in second[len(first) :]] == [
        'Thought: I need it.\nAction: calculator\nAction Input: {"expression": "1599 * 0.85"}',
        "Observation: 1359.15",
    ]


async def test_it_runs_asynchronously() -> None:
    agent = create_agent(native(CALL, "1359.15"), ["calculator"])
    events = [event async for event in agent.astream("The price?")]
    assert isinstance(events[-1], Answer)
    assert events[-1].value["answer"] == "1359.15"
    assert of(ToolResult, events)[0].content == "1359.15"

    agent = create_agent(text(ACT, FINAL), ["calculator"])
    assert (await agent.ainvoke("The price?"))["answer"] == "It is 1359.15 euros."


def test_batch_and_pipes() -> None:
    model = native({"say": "yes", "repeat": True})
    agent = create_agent(model, [])
    assert [r["answer"] for r in agent.batch(["a", "b", "c"])] == ["yes"] * 3
    chain = load_prompt("question/answer").partial(context="x") | agent | itemgetter("answer")
    assert chain.invoke({"question": "Is it?"}) == "yes"
    assert list(chain.stream({"question": "Is it?"})) == ["yes"]


def test_an_agent_is_a_step_of_a_chain() -> None:
    model = native(CALL, "1359.15")
    chain = sequential(price=create_agent(model, ["calculator"]))
    events = list(chain.events({"input": "The price?"}))
    assert of(ToolCall, events)[0].name == "calculator"
    assert "".join(e.text for e in of(Token, events) if e.step == "price") == "1359.15"
    assert len(of(Usage, events)) == 1
    assert events[-1].value["price"]["answer"] == "1359.15"
    model.reset()
    assert chain.invoke({"input": "The price?"})["price"]["answer"] == "1359.15"

    model.reset()
    events = list(sequential(outer=chain).events({"input": "The price?"}))
    assert of(ToolCall, events)
    assert {e.step for e in of(Token, events)} == {"outer/price"}


def test_the_events_of_an_agent_as_of_any_runnable() -> None:
    agent = create_agent(native(CALL, "1359.15"), ["calculator"])
    kinds = [type(event) for event in events_of(agent, "The price?")]
    assert kinds == [ToolCall, ToolResult, Token, Usage, Answer]


def test_calls_made_together_are_all_answered() -> None:
    both = {
        "tool_calls": [{"name": "calculator", "args": {"expression": e}} for e in ("1+1", "2+2")]
    }
    result, _ = run(create_agent(native(both, "Done."), ["calculator"]))
    assert [s["result"] for s in result["steps"]] == ["2", "4"]
    assert [m.type for m in result["messages"]] == ["human", "ai", "tool", "tool", "ai"]


def test_history_is_shown_and_memory_chooses() -> None:
    model = native(
        {"when": {"contains": "Maarten"}, "say": "Maarten"}, {"say": "?", "repeat": True}
    )
    history = [HumanMessage("I am Maarten."), AIMessage("Hi!"), HumanMessage("Ok"), AIMessage("Ok")]
    asked = {"input": "Who am I?", "history": history}
    assert create_agent(model, []).invoke(asked)["answer"] == "Maarten"
    model.reset()
    forgetful = create_agent(model, [], memory=WindowMemory(turns=1))
    result = forgetful.invoke(asked)
    assert result["answer"] == "?"
    assert [m.text for m in result["messages"]] == ["Who am I?", "?"], "what the run adds"


def test_a_session_keeps_calls_and_results() -> None:
    model = text(ACT, FINAL, "Thought: ok\nFinal Answer: Bye.")
    chat = Session(create_agent(model, ["calculator"]), memory=WindowMemory(turns=4))
    assert "".join(chat.stream("The price?")) == "It is 1359.15 euros."
    chat.send("Thanks")
    kinds = [type(m) for m in chat.history]
    assert kinds == [HumanMessage, AIMessage, ToolMessage, AIMessage, HumanMessage, AIMessage]
    assert chat.history[1].tool_calls[0]["args"] == {"expression": "1599 * 0.85"}


def test_functions_and_langchain_tools_are_tools() -> None:
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    @tool
    def half(number: int) -> float:
        """Halve a number."""
        return number / 2

    model = native(call("double", number=4), call("half", number=3), "Done.")
    agent = create_agent(model, [double, half], approve=lambda _: True)
    assert [s["result"] for s in run(agent)[0]["steps"]] == ["8", "1.5"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("  ", "the input is empty"),
        (7, "cannot take a int"),
        ({"question": "x"}, "cannot take a dict with question"),
        ({"input": 3}, "is int, not a text"),
        ([AIMessage("x")], "the last message is not the user's"),
        ({"input": "x", "history": 5}, "the history is not a list"),
        (None, "only a durable agent can resume"),
    ],
)
def test_wrong_input_is_told(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        create_agent(native("x"), []).invoke(given)


def test_wrong_making_is_told() -> None:
    with pytest.raises(ConfigError, match="tools must be a list"):
        create_agent(native("x"), "calculator")
    with pytest.raises(ConfigError, match="two tools have the name 'calculator'"):
        create_agent(native("x"), ["calculator", "calculator"])
    with pytest.raises(ConfigError, match="needs a chat model, not RunnableSequence"):
        create_agent(load_prompt("chat") | native("x"), [])
    with pytest.raises(ConfigError, match="max_steps"):
        create_agent(native("x"), [], max_steps=-1)
    with pytest.raises(ConfigError, match="cannot be a tool"):
        create_agent(native("x"), [lambda x: x])
    for wrong, said in (
        ({"prompt": 5}, "prompt must be a name or a Prompt, not 5"),
        ({"prompt": "story/title"}, "'story/title' is not an agent's: it needs summary"),
        ({"memory": 3}, "memory must be a Memory or a text, not 3"),
        ({"memory": "last:4"}, "unknown memory 'last:4'"),
        ({"limits": {"seconds": 3}}, "limits must be Limits, not"),
        ({"approve": True}, "approve must be a function"),
        ({"checkpointer": "x"}, "checkpointer must be"),
    ):
        with pytest.raises(ConfigError, match=said):
            create_agent(native("x"), [], **wrong)  # type: ignore[arg-type]
    for no_tool in (123, None, {"a": 1}):
        with pytest.raises(ConfigError, match="is no tool"):
            create_agent(native("x"), [no_tool])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="no argument 'temperature'"):
        create_agent(native("x"), []).invoke("x", temperature=1)


def test_parameters_bound_to_the_model_stay() -> None:
    model = native("one two three four")
    result = create_agent(model.bind(max_tokens=2), []).invoke("Go.")
    assert result["answer"] == "one two"


def test_threads_do_not_meet() -> None:
    async def all_of_them() -> list[dict[str, Any]]:
        agents = [
            create_agent(native(call("calculator", expression=f"{n}+1"), "ok"), ["calculator"])
            for n in range(5)
        ]
        return await asyncio.gather(*(agent.ainvoke("Go.") for agent in agents))

    results = asyncio.run(all_of_them())
    assert [r["steps"][0]["result"] for r in results] == ["1", "2", "3", "4", "5"]


def test_a_reply_that_was_not_read_to_its_end_is_counted_as_far_as_it_is_known() -> None:
    read: UsageMetadata = {"input_tokens": 30, "output_tokens": 0, "total_tokens": 30}
    attempt = TextAttempt(native("x"), [], StepReader(), may_call=False)
    assert attempt.usage is None  # a hosted model tells at the end
    for piece in (AIMessageChunk("Thought: I", usage_metadata=read), AIMessageChunk(" know it.")):
        list(attempt.take(piece))
    assert attempt.usage == {"input_tokens": 30, "output_tokens": 2, "total_tokens": 32}
    last: UsageMetadata = {"input_tokens": 0, "output_tokens": 7, "total_tokens": 7}
    list(attempt.take(AIMessageChunk("", usage_metadata=last)))
    assert attempt.usage == {"input_tokens": 30, "output_tokens": 7, "total_tokens": 37}


def test_a_prompt_with_the_tools_in_it_makes_steps_of_text() -> None:
    with handling(spy := Spy()):
        result, _ = run(create_agent(native(ACT, FINAL), ["calculator"], prompt="agent/react"))
    assert [s["tool"] for s in result["steps"]] == ["calculator"]
    assert "calculator(expression: string)" in spy.texts()


def test_a_memory_may_be_a_text() -> None:
    agent = create_agent(native("x"), [], memory="window:1")
    history = [HumanMessage("first"), AIMessage("a"), HumanMessage("second"), AIMessage("b")]
    with handling(spy := Spy()):
        run(agent, {"input": "Go.", "history": history})
    assert "first" not in spy.texts()
    assert "second" in spy.texts()


def test_the_graphs_own_limit_does_not_come_before_ours() -> None:
    calls = [call("calculator", expression=f"{n}+1") for n in range(30)]
    limits = Limits(model_calls=99, tool_calls=99)
    agent = create_agent(native(*calls, "x"), ["calculator"], max_steps=50, limits=limits)
    assert agent.invoke("Go.", {"recursion_limit": 3})["answer"] == "x"


class Foreign(ScriptedChatModel):
    """A model that raises what is none of our errors."""

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        raise KeyError("choices")


async def test_what_a_model_of_others_raises_is_an_error_of_ours() -> None:
    agent = create_agent(Foreign(replies=["x"]), [])
    with pytest.raises(ModelError, match="the model failed with KeyError: 'choices'") as caught:
        agent.invoke("Go.")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ModelError, match="failed with KeyError"):
        await agent.ainvoke("Go.")
