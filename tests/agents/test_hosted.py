"""Native tool calls over HTTP, and models whose replies are no steps."""

from __future__ import annotations

import json
from typing import Any

from agentlab import create_agent, handling, load_model
from agentlab.events import Token, Usage
from tests.agents.parts import Spy, acts, call, native, of, run, text


def test_openai_calls_tools_natively(openai_server: Any) -> None:
    openai_server.reply(tool_calls=[("calculator", {"expression": "1599 * 0.85"})])
    openai_server.reply("It is 1359.15 euros.")
    model = load_model("openai:test", base_url=openai_server.url, api_key="k")
    result, events = run(create_agent(model, ["calculator", "now"]), "The price?")

    assert result["answer"] == "It is 1359.15 euros."
    assert result["steps"][0]["result"] == "1359.15"
    first, second = (request.body for request in openai_server.requests)
    assert [t["function"]["name"] for t in first["tools"]] == ["calculator", "now"]
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "tool"]
    assert second["messages"][-1]["content"] == "1359.15"
    assert of(Usage, events)[0].model_calls == 2
    assert "".join(e.text for e in of(Token, events)) == "It is 1359.15 euros."


def test_at_a_limit_no_tools_are_offered(openai_server: Any) -> None:
    openai_server.reply(tool_calls=[("now", {})])
    openai_server.reply("Noon.")
    model = load_model("openai:test", base_url=openai_server.url, api_key="k")
    result, _ = run(create_agent(model, ["now"], max_steps=1))
    assert (result["stopped"], result["answer"]) == ("steps", "Noon.")
    assert "tools" not in openai_server.requests[1].body


def test_an_empty_reply_and_a_call_in_the_text_are_asked_again() -> None:
    written = json.dumps({"name": "calculator", "arguments": {"expression": "1+1"}})
    agent = create_agent(native(" ", written, "2"), ["calculator"])
    with handling(spy := Spy()):
        result, _ = run(agent)
    assert result["answer"] == "2"
    assert "it is empty" in spy.shown[1][-1].text
    assert "does not belong into the text" in spy.shown[2][-1].text
    assert result["messages"][-1].response_metadata["model_calls"] == 3
    assert [m.type for m in result["messages"]] == ["human", "ai"], "reminders are not kept"


def test_two_reminders_and_then_the_text_is_the_answer() -> None:
    with handling(spy := Spy()):
        result, events = run(create_agent(text("Well.", "Hm.", "It is 5.", "no"), ["calculator"]))
    assert result["answer"] == "It is 5."
    assert len(spy.shown) == 3
    assert "That was not a step" in spy.shown[1][-1].text
    assert "".join(e.text for e in of(Token, events)) == "It is 5."


def test_a_made_up_observation_is_not_read() -> None:
    wild = acts("calculator", '{"expression": "2*3"}') + "\nObservation: 7\nFinal Answer: 7"
    agent = create_agent(text(wild, "Thought: ok\nFinal Answer: 6"), ["calculator"])
    result, _ = run(agent)
    assert result["steps"][0]["result"] == "6"
    assert result["answer"] == "6"


def test_a_conversation_moves_between_models() -> None:
    asked = text(acts("calculator", '{"expression": "2*3"}'), "Thought: ok\nFinal Answer: 6")
    history = run(create_agent(asked, ["calculator"]), "2*3?")[0]["messages"]
    agent = create_agent(native(call("calculator", expression="6+1"), "7"), ["calculator"])
    with handling(spy := Spy()):
        result, _ = run(agent, {"input": "One more?", "history": history})
    assert result["answer"] == "7"
    assert [m.type for m in spy.shown[0]] == ["system", "human", "ai", "tool", "ai", "human"]
    with handling(spy := Spy()):
        again = create_agent(text("Thought: ok\nFinal Answer: 8"), ["calculator"])
        run(again, {"input": "And?", "history": [*history, *result["messages"]]})
    assert "Action: calculator" in spy.shown[0][2].text
    assert spy.shown[0][3].text == "Observation: 6"
