"""The three dialogues every text on memory has: scripted, and on the model in the box.

What a memory promises is what the model is shown, so that is what is looked at. An answer is
looked at only where a model of 135 million parameters gives it reliably at temperature 0.
"""

from __future__ import annotations

import pytest
from langchain_core.language_models import BaseChatModel

from agentlab.memory import Memory, SummaryMemory, WindowMemory
from agentlab.models.scripted import ScriptedChatModel
from agentlab.prompts import load_prompt
from agentlab.session import Session

NAME = "Hi! My name is Maarten. What is 1 + 1?"
NAME_AND_AGE = "Hi! My name is Maarten and I am 33 years old. What is 1 + 1?"


def shown(session: Session, question: str) -> str:
    """Everything but the question that the model sees when ``question`` is asked."""
    return "\n".join(message.text for message in session.context(question).messages[:-1])


def talk(model: BaseChatModel, memory: Memory | None, *questions: str) -> Session:
    session = Session(load_prompt("chat") | model, memory)
    for question in questions:
        session.send(question)
        session.settle()
    return session


def scripted(*replies: object) -> ScriptedChatModel:
    """Answers these, each only when it is shown what it needs."""
    return ScriptedChatModel(replies=list(replies))


def test_buffer_recalls_the_name() -> None:
    knows = {"say": "Your name is Maarten.", "when": {"contains": "Maarten", "last": "my name"}}
    session = talk(scripted("1 + 1 is 2.", knows), None, NAME, "What is my name?")
    assert session.turns[-1].text == "Your name is Maarten."


def test_window_forgets_the_age_and_keeps_the_name() -> None:
    replies = [
        "Hello Maarten, 1 + 1 is 2.",
        "3 + 3 is 6.",
        {"say": "Your name is Maarten.", "when": {"contains": "33 years"}},
        {"say": "You did not tell me.", "when": {"regex": r"(?s)\A(?!.*33 years).*Maarten"}},
    ]
    questions = [NAME_AND_AGE, "What is 3 + 3?", "What is my name?", "What is my age?"]
    session = talk(scripted(*replies), WindowMemory(turns=2), *questions)
    assert session.turns[-1].text == "You did not tell me."
    assert len(session.history) == 8


def test_summary_names_the_user_and_the_first_question() -> None:
    summariser = scripted(
        {"say": "Maarten asked what 1 + 1 is.", "when": {"contains": [NAME, "1 + 1 is 2."]}},
        {
            "say": "Maarten asked what 1 + 1 is, then for his name.",
            "when": {"contains": ["Maarten asked what 1 + 1 is.", "What is my name?"]},
        },
    )
    answers = scripted(
        "1 + 1 is 2.",
        {"say": "Your name is Maarten.", "when": {"contains": "Maarten asked"}},
        {"say": "What 1 + 1 is.", "when": {"contains": "Maarten asked what 1 + 1 is, then"}},
    )
    questions = [NAME, "What is my name?", "What was the first question I asked?"]
    session = Session(load_prompt("chat") | answers, SummaryMemory(summariser))
    for question in questions:
        session.send(question)
        session.settle()
    assert session.turns[-1].text == "What 1 + 1 is."
    assert NAME not in shown(session, "next")  # summed up, no longer word for word


@pytest.mark.model
def test_real_buffer_recalls_the_name(smollm2: BaseChatModel) -> None:
    session = talk(smollm2, None, NAME)
    assert NAME in shown(session, "What is my name?")
    assert "Maarten" in session.send("What is my name?").text


@pytest.mark.model
def test_real_window_forgets_the_age_and_keeps_the_name(smollm2: BaseChatModel) -> None:
    session = talk(smollm2, WindowMemory(turns=2), NAME_AND_AGE, "What is 3 + 3?")
    assert "33 years" in shown(session, "What is my name?")
    assert "Maarten" in session.send("What is my name?").text
    last = shown(session, "What is my age?")
    assert "33" not in last
    assert "Maarten" in last
    assert "33" not in session.send("What is my age?").text
    assert "33 years" in session.history[0].text


@pytest.mark.model
def test_real_summary_names_the_user(smollm2: BaseChatModel) -> None:
    """What a summary of this small model says of the question changes with a rounding error; that
    it names the question too is shown by the recorded scenario of a larger one."""
    summariser = smollm2.model_copy(update={"max_tokens": 48})
    session = Session(load_prompt("chat") | smollm2, SummaryMemory(summariser))
    session.send(NAME)
    session.settle()
    seen = shown(session, "What is my name?")
    assert "Summary of the conversation so far:" in seen
    assert "Maarten" in seen
    assert len(session.context("What is my name?").messages) == 3  # prompt, summary, question
    assert "Maarten" in session.send("What is my name?").text


@pytest.mark.model
def test_what_is_shown_is_what_the_model_reads(smollm2: BaseChatModel) -> None:
    session = talk(smollm2, WindowMemory(turns=1), "What is 1 + 1?", "What is 2 + 2?")
    context = session.context("And 3 + 3?")
    assert context.exact
    session.send("And 3 + 3?")
    assert session.turns[-1].usage.input_tokens == context.total
    assert context.text is not None
    assert "What is 1 + 1?" not in context.text
    assert "What is 2 + 2?" in context.text
