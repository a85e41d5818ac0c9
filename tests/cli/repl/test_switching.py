"""Another model in the middle: the conversation goes on, between a local and a hosted one."""

from __future__ import annotations

from typing import Any

import pytest

from agentlab.session import Store
from tests.support.openai_server import OpenAIServer


@pytest.mark.model
def test_between_a_local_and_a_hosted_model(talk: Any, openai_server: OpenAIServer) -> None:
    parameters = {"max_tokens": 8, "temperature": 0, "min_p": 0.1, "n_ctx": 1024}
    chat = talk(model="smollm2", parameters=parameters, memory="tokens:500", session="s")
    local = chat("Hi! I am Ada.").strip()
    assert local

    openai_server.reply("You are Ada.")
    told = chat(f"/model openai:test base_url={openai_server.url}")
    assert told == (
        "openai:test answers from now on; the conversation stays\n"
        "it does not take min_p, so that is no longer set\n"
    )
    assert chat("Who am I?") == "You are Ada.\n"
    body = openai_server.requests[-1].body
    assert [m["content"] for m in body["messages"]][1:] == ["Hi! I am Ada.", local, "Who am I?"]
    assert (body["temperature"], body["max_tokens"]) == (0, 8)
    assert "about " not in chat("/model")

    assert "smollm2 answers from now on" in chat("/model smollm2")
    assert chat.repl.chat.parameters == {"temperature": 0, "max_tokens": 8}
    context = chat("/context raw")
    assert "You are Ada.<|im_end|>" in context
    assert chat("And now?").strip()
    assert [len(turn.answers) for turn in chat.repl.chat.session.turns] == [1, 1, 1]
    assert Store().load("s").settings["model"] == "smollm2"


def test_a_server_that_is_away_is_told_and_the_chat_goes_on(
    talk: Any, openai_server: OpenAIServer
) -> None:
    chat = talk("one", "two")
    chat("a")
    spec = chat.repl.chat.spec
    openai_server.fail(401, "bad key")
    chat(f"/model openai:test base_url={openai_server.url}")
    told = chat("b")
    assert told.startswith("error: ")
    assert "hint: " in told
    chat(f"/model {spec}")
    assert chat("c").strip() == "one"  # the script begins anew
    texts = [m.text for m in chat.repl.chat.session.shown]
    assert texts == ["a", "one", "c", "one"]  # the failed turn is not shown to the model


def test_without_a_key(talk: Any) -> None:
    chat = talk("one")
    assert "OPENAI_API_KEY is not set\nhint: " in chat("/model openai:gpt-4o-mini")
    assert chat("a") == "one\n"


@pytest.mark.model
def test_a_summary_is_kept_over_a_change(talk: Any, script: Any) -> None:
    summary = {"when": {"contains": "summary"}, "say": "They greeted.", "repeat": True}
    chat = talk(summary, {"say": "fine", "repeat": True}, memory="summary_buffer:1")
    for question in ("a", "b", "c"):
        chat(question)
    chat.repl.chat.session.settle()
    assert "They greeted." in chat("/context")
    other = script("other", name="other")
    chat(f"/model {other}")
    assert "They greeted." in chat("/context")
