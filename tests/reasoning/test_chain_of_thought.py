"""A thought and an answer, apart."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from agentlab import Session, load_prompt, sequential
from agentlab.chains import events_of
from agentlab.errors import ConfigError, InvalidOutput
from agentlab.events import Answer, Thought, Token
from agentlab.reasoning import chain_of_thought
from agentlab.reasoning.answers import answer_kind, with_flags
from agentlab.reasoning.thinking import MARK, ThinkingReader, read_thinking, thinking_grammar
from tests.agents.parts import Held, accepts
from tests.reasoning.conftest import kinds, plain, says

THINKS = {"thought": "10 - 4 is 6.", "answer": "6"}


@pytest.mark.parametrize(
    "pattern",
    [
        re.compile("(?i)(?s)yes|no"),
        re.compile("(?is)yes|no", re.MULTILINE),
        re.compile("(?#a word)(?i)(?s)yes|no"),
        re.compile("# a word\n (?i) (?s)yes|no", re.VERBOSE),
        re.compile("(?x) (?i)yes | no # a word"),
    ],
)
def test_flags_within_a_pattern_count(pattern: re.Pattern[str]) -> None:
    kind = answer_kind(pattern)
    assert kind.read("YES") == "YES"
    with pytest.raises(InvalidOutput):
        kind.read("yes or no")


def test_a_verbose_pattern_stays_the_same_without_its_spaces() -> None:
    for verbose, compact in (
        (r"(\d) \1 0", r"(\d)\1(?:)0"),
        (r"[ #] \  \# a # end", r"[ #]\ \#a"),
    ):
        assert with_flags(re.compile(verbose, re.VERBOSE)) == f"(?:{compact})"


def test_the_two_come_back_apart() -> None:
    chain = chain_of_thought(says({**THINKS, "answer": 6}), answer="number")
    result = chain.invoke("I had 10 apples and gave 4 away.")
    assert (result["answer"], result["thought"]) == ("6", "10 - 4 is 6.")
    assert result["usage"]["model_calls"] == 1
    assert [m.text for m in result["messages"]] == ["6"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (123456.78, "123456.78"),
        (2000000.0, "2000000"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (1234567890123, "1234567890123"),
    ],
)
def test_a_number_keeps_its_digits(value: float, text: str) -> None:
    assert answer_kind("number").read(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "six", None])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidOutput, match="is not a number"):
        answer_kind("number").read(value)


def test_where_a_direct_answer_of_the_prompt_ends_does_not_cut_the_thought() -> None:
    long = {"thought": "a bell, " * 30, "answer": "Bimbam"}
    chain = chain_of_thought(says(json.dumps(long, indent=1)), "examples/product-name")
    assert chain.invoke({"product": "a bell"})["answer"] == "Bimbam"
    assert (chain.model.temperature, chain.model.max_tokens, chain.model.stop) == (0.8, None, None)


def test_the_flags_of_a_pattern_count() -> None:
    kind = answer_kind(re.compile("yes|no", re.IGNORECASE | re.DOTALL))
    assert kind.pattern == "(?is:yes|no)"
    assert kind.read("YES") == "YES"
    assert answer_kind(re.compile("(?i)yes")).pattern == "(?i:yes)"
    assert answer_kind(re.compile("yes # so", re.VERBOSE)).read("yes") == "yes"
    chain = chain_of_thought(says({"thought": "t", "answer": "YES"}), answer=re.compile("(?i)yes"))
    assert chain.invoke("q")["answer"] == "YES"


async def test_async_stream_batch_and_events_say_the_same() -> None:
    def chain() -> Any:
        return chain_of_thought(says(THINKS, THINKS))

    assert (await chain().ainvoke("q"))["answer"] == "6"
    assert [r["answer"] for r in chain().batch(["q", "q"])] == ["6", "6"]
    assert [r["answer"] for r in await chain().abatch(["q", "q"])] == ["6", "6"]
    expected = ["Thought", "Token", "Usage", "Answer"]
    assert kinds(chain().stream("q")) == expected
    assert [type(e).__name__ async for e in chain().astream("q")] == expected
    assert kinds(events_of(chain(), "q")) == expected


def test_it_is_a_step_of_a_chain_and_of_a_sequence() -> None:
    chain = sequential(
        solved=chain_of_thought(says(THINKS)), told=lambda values: values["solved"]["answer"] + "!"
    )
    assert chain.variables == ("input",)
    assert chain.invoke("q")["told"] == "6!"
    piped = chain_of_thought(says(THINKS)) | (lambda result: result["answer"])
    assert piped.invoke("q") == "6"
    assert list(piped_stream(says(THINKS))) == ["6"]


def piped_stream(model: Any) -> Any:
    return (chain_of_thought(model) | (lambda result: result["answer"])).stream("q")


def test_the_phrase_and_the_examples_are_shown() -> None:
    example = {"input": "1 + 1?", "thought": "One and one.", "answer": "2"}
    chain = chain_of_thought(says(), phrase="Go slowly.", examples=[example], answer="number")
    user, assistant, asked = chain.messages("2 + 2?")
    assert user.text.startswith("1 + 1?\n\nGo slowly.")
    assert json.loads(assistant.text) == {"thought": "One and one.", "answer": "2"}
    assert asked.text.startswith("2 + 2?\n\nGo slowly.\n")
    assert "a number, without a unit" in asked.text
    silent = chain_of_thought(says(), phrase="").messages("2 + 2?")
    assert "think" not in silent[-1].text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"answer": "maybe"}, "an answer is"),
        ({"answer": []}, "an answer is"),
        ({"max_lines": 0}, "max_lines must be 1 or more"),
        ({"examples": [{"input": "q"}]}, "has input, thought, answer"),
        ({"examples": [{"input": "q", "thought": "t", "answer": 6}]}, "must be a text, not 6"),
        ({"examples": 5}, "a list of mappings"),
    ],
)
def test_wrong_arguments(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        chain_of_thought(says(), **arguments)


def test_a_model_that_can_be_held_to_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="can be held to no form"):
        chain_of_thought(plain("hm"))
    with pytest.raises(ConfigError, match="needs a chat model, not int"):
        chain_of_thought(3)  # type: ignore[arg-type]


def test_an_answer_of_the_wrong_kind_is_no_answer() -> None:
    chain = chain_of_thought(says({"thought": "t", "answer": "blue"}), answer=["red", "green"])
    with pytest.raises(InvalidOutput, match="blue"):
        chain.invoke("q")


def test_kinds_of_answers_read_what_is_theirs() -> None:
    assert answer_kind("number").read(1200.0) == "1200"
    assert answer_kind("number").read(" -3.5 ") == "-3.5"
    assert answer_kind(re.compile("[a-c]+")).read("abc") == "abc"
    for kind, wrong in (("number", "six"), ("number", True), (["a", "b"], "c"), ("text", "")):
        with pytest.raises(InvalidOutput):
            answer_kind(kind).read(wrong)  # type: ignore[arg-type]


def test_a_cut_answer_is_none() -> None:
    assert read_thinking(f"a{MARK}12", cut=False).answer == "12"
    assert read_thinking(f"a{MARK}12", cut=True).answer is None
    assert read_thinking("a and no end", cut=True).thought == "a and no end"


@given(st.text("ab\nAnswer: ", max_size=30), st.text("xyz", min_size=1, max_size=5), st.data())
def test_however_it_is_cut_into_chunks_it_is_told_alike(
    thought: str, answer: str, data: st.DataObject
) -> None:
    text = whole = thought.replace(MARK, "") + MARK + answer
    before, _, after = text.partition(MARK)
    reader, told = ThinkingReader(), []
    while text:
        size = data.draw(st.integers(1, len(text)))
        told += list(reader.take(AIMessageChunk(text[:size])))
        text = text[size:]
    assert "".join(e.text for e in told if isinstance(e, Thought)) == before
    assert kinds(told) == ["Thought"] * len(told), "the answer is told once it is whole"
    assert read_thinking(whole, cut=False).answer == after.strip()


def test_the_grammar_compiles_for_every_kind() -> None:
    from agentlab.engine import compile_lark

    for kind in ("text", "number", ["a/b", "c"], re.compile("[0-9]/[0-9]")):
        for lines in (1, 3):
            compile_lark(thinking_grammar(answer_kind(kind), lines))  # type: ignore[arg-type]
    for pattern in (r"\d+\/\d+", r"\d+/\d+", r"\d+[\/]\d+"):
        grammar = thinking_grammar(answer_kind(re.compile(pattern)), 3)
        assert accepts(grammar, "So.\nAnswer: 1/2")


def test_a_long_text_of_a_hosted_model_is_taken_as_one_line() -> None:
    long = "The sky is blue.\n" + "It scatters light. " * 40
    result = chain_of_thought(says({"thought": "So.", "answer": long})).invoke("Why?")
    assert result["answer"] == " ".join(long.split())
    assert result["finished"] is True
    with pytest.raises(InvalidOutput):
        chain_of_thought(says({"thought": "So.", "answer": " \n"})).invoke("Why?")


def test_a_text_that_fills_its_whole_room_may_be_cut() -> None:
    for size, finished in ((280, True), (290, False), (300, False)):
        model = Held(replies=[f"So.{MARK}{'a' * size}"])
        assert chain_of_thought(model).invoke("Why?")["finished"] is finished


def test_in_a_session_its_calls_and_tokens_are_told() -> None:
    model = Held(replies=["10 - 4 is \\boxed{6}.", "6"])
    session = Session(chain_of_thought(model, answer="number"))
    assert session.send("How many are left?").text == "6"
    assert session.usage.model_calls == 2
    assert session.usage.output_tokens > 0


def test_a_thought_may_end_without_the_answer() -> None:
    grammar = thinking_grammar(answer_kind("number"), 3)
    assert accepts(grammar, "So \\(\\boxed{6}\\).")
    assert accepts(grammar, "It is 6.\nAnswer: 6")
    assert not accepts(grammar, "It is 6.\nAnswer: ")
    assert not accepts(grammar, "")


def test_the_answer_of_a_thought_that_ended_alone_is_asked_for() -> None:
    model = Held(replies=["10 - 4 is \\boxed{6}.", "6"])
    events = list(chain_of_thought(model, answer="number").stream("How many are left?"))
    assert isinstance(answer := events[-1], Answer)
    assert (answer.value["answer"], answer.value["finished"]) == ("6", True)
    assert answer.value["usage"]["model_calls"] == 2
    assert "".join(e.text for e in events if isinstance(e, Token)) == "6"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("440,000", "440000"),
        ("-1,234,567.50", "-1234567.50"),
        ("13750.", "13750"),
        ("0.125", "0.125"),
        ("007", "007"),
    ],
)
def test_a_number_is_written_as_models_do_and_told_in_its_digits(text: str, number: str) -> None:
    kind = answer_kind("number")
    assert re.fullmatch(kind.pattern, text)
    assert kind.read(text) == number
    events = list(
        chain_of_thought(Held(replies=[f"So.{MARK}{text}"]), answer="number").stream("How many?")
    )
    assert isinstance(answer := events[-1], Answer)
    assert answer.value["answer"] == number
    assert "".join(e.text for e in events if isinstance(e, Token)) == number


@pytest.mark.parametrize("text", ["0,125", "1,23", "1,2345", "1,000,00", "12,", ".5", "", "1.2.3"])
def test_what_is_no_number(text: str) -> None:
    kind = answer_kind("number")
    assert re.fullmatch(kind.pattern, text) is None
    with pytest.raises(InvalidOutput):
        kind.read(text)


QUESTION = "A house costs $448,000 after a tax of $8,000. What was the price?"


@pytest.mark.model
def test_the_model_in_the_box_keeps_the_thousands(smollm2: BaseChatModel) -> None:
    kind = answer_kind("number")
    how = load_prompt("reason/think").render({"answer": kind.told})[-1].text
    asked = [
        HumanMessage(f"{QUESTION}\n\n{how.strip()}"),
        AIMessage("448,000 - 8,000 = $440,000. So the price was $440,000."),
        *load_prompt("reason/answer_only").render({"answer": kind.told}),
    ]
    reply = smollm2.bind(regex=kind.pattern).invoke(asked)
    assert kind.normal(str(reply.text)) == "440000"


@pytest.mark.model
def test_the_model_in_the_box_thinks_and_then_answers(smollm2: BaseChatModel) -> None:
    model = smollm2.model_copy(update={"max_tokens": 4})  # too few: it is asked once more
    chain = chain_of_thought(model, answer=["yes", "no"], max_lines=2)
    events = list(chain.stream("Is the sky blue?"))
    result = events[-1].value if isinstance(events[-1], Answer) else {}
    assert result["answer"] in ("yes", "no")
    assert result["thought"]
    thought = "".join(e.text for e in events if isinstance(e, Thought))
    assert thought.strip() == result["thought"]
    assert not result["finished"]
    assert result["usage"]["model_calls"] == 2
