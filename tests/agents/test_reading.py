"""Steps read from text: whatever a model writes, in linear time."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from langchain_core.tools import tool

from agentlab.agents.arguments import read_arguments
from agentlab.agents.reading import Step, StepReader
from agentlab.events import Thought, Token
from agentlab.tools import load_tools

TOOLS = load_tools("search", "calculator")


def read(text: str, size: int = 7) -> tuple[Step, list[Any], bool]:
    reader = StepReader(TOOLS)
    events: list[Any] = []
    for at in range(0, len(text), size):
        events += reader.take(text[at : at + size])
    events += reader.end()
    return reader.step(), events, reader.done


EXPR = {"expression": "1+1"}


@pytest.mark.parametrize(
    ("text", "thought", "name", "args", "answer"),
    [
        ('Thought: a\nAction: calculator\nAction Input: {"expression": "1+1"}', "a", "calculator",
         EXPR, ""),
        ('**Thought:** a\n**Action:** `Calculator`\n**Action Input:** ```json\n'
         '{"expression": "1+1"}\n```', "a", "calculator", EXPR, ""),
        ("thought: a\nACTION: CALCULATOR\naction input: 1+1", "a", "calculator", EXPR, ""),
        ("Thought: a\nAction: calculator(1+1)", "a", "calculator", EXPR, ""),
        ("Action: calculator\nAction Input: `1+1`", "", "calculator", EXPR, ""),
        ('Action: calculator, Action Input: {"expression": "1+1"}', "", "calculator", EXPR, ""),
        ("Action: search\nAction Input: tea in China", "", "search", {"query": "tea in China"}, ""),
        ("Action: calculator\nAction Input: 007", "", "calculator", {"expression": "007"}, ""),
        ("Thought: a\nFinal Answer: 5", "a", "", None, "5"),
        ("### Final Answer:\n\nIt is\n\n- 5\n", "", "", None, "It is\n\n- 5"),
        ("Final Answer: 5\nFinal Answer: 6", "", "", None, "5"),
        ("Final Answer: 5\n\nQuestion: another?\nThought: b\nFinal Answer: 6", "", "", None, "5"),
        ("Thought: a\nAction: Final Answer\nAction Input: 5", "a", "", None, "5"),
        ('Action: calculator\nAction Input: {"expression": "1+1"}\nObservation: 3\n'
         "Thought: I know\nFinal Answer: 3", "", "calculator", EXPR, ""),
        ("Question: what?\nThought: a\nFinal Answer: 5", "a", "", None, "5"),
        ("Thought: It is 5. Final Answer: 5.\n\nObservation (none): so it is 5.\n1\n2\n3",
         "It is 5.", "", None, "5."),
        ("Thought: She has **$5**. **Final Answer:** $5\nFinal Answer: 6", "She has **$5**.", "",
         None, "$5"),
        ("Thought: The final answer: 5. Final answers differ. Final\nFinal Answer: 6",
         "The final answer: 5. Final answers differ. Final", "", None, "6"),
        ("### Final Answer\n42", "", "", None, "42"),
        ("**Thought**\na\n**Final Answer**\n\n42", "a", "", None, "42"),
        ("a\nFinal Answer\n42", "a", "", None, "42"),
        ("Thought 1: a\nAction 1: calculator\nAction Input 1: 1+1\nObservation 1: 3\nThought 2: b",
         "a", "calculator", EXPR, ""),
        ("### Action\ncalculator\n### Action Input\n1+1", "", "calculator", EXPR, ""),
        ("Action: calculator\nAction Input: {'expression': '1+1',}", "", "calculator", EXPR, ""),
        ('Action: search\nAction Input: {"query": "it\'s", \'news\': True, "count": 5,}', "",
         "search", {"query": "it's", "news": True, "count": 5}, ""),
        ("Action: search\nAction Input: {'query': 'a \"b\" \\'c\\''}", "", "search",
         {"query": "a \"b\" 'c'"}, ""),
        ('Action: calculator(expression="1+1")', "", "calculator", EXPR, ""),
        ("Action: calculator(expression=1+1)", "", "calculator", EXPR, ""),
        ("Action: search(query='tea, x=1', count=3)", "", "search",
         {"query": "tea, x=1", "count": 3}, ""),
        ("Action: search(query=2024, count=3)", "", "search", {"query": "2024", "count": 3}, ""),
        ("Action: search(query=a b, region='x', count=3)", "", "search",
         {"query": "a b", "region": "x", "count": 3}, ""),
        ("Action: search(query=True)", "", "search", {"query": "True"}, ""),
        ("Action: calculator(expression=2024)", "", "calculator", {"expression": "2024"}, ""),
        ("Final Answer: It is 42.\nAction: search(\"population of France in the year 2020\")\nSo",
         "", "", None, "It is 42."),
        ("Final Answer: Say\nAction: search the population of France in the year 2020\nand so on",
         "", "", None, "Say\nAction: search the population of France in the year 2020\nand so on"),
        ("Final Answer: A report.\nObservation 1: it rains.\nObservation 2: it pours.", "", "",
         None, "A report.\nObservation 1: it rains.\nObservation 2: it pours."),
        ("Action: calculator\nAction Input: p = 1; p * 2", "", "calculator",
         {"expression": "p = 1; p * 2"}, ""),
        ("Final Answer: Your quiz:\nQuestion: 1+1?\nTask: say it\nThought: hm", "", "", None,
         "Your quiz:\nQuestion: 1+1?\nTask: say it\nThought: hm"),
        ("Final Answer: To do:\nAction: John sends the mail\nAction Input: none\nTask: milk", "",
         "", None, "To do:\nAction: John sends the mail\nAction Input: none\nTask: milk"),
        ("Final Answer:\nTask: buy milk", "", "", None, "Task: buy milk"),
        ("Final Answer: 5\nThought: b\nAction: calculator\nAction Input: 1+1", "", "", None, "5"),
        ("Final Answer: 5\n**Action:** `Calculator` \nmore", "", "", None, "5"),
        ("Final Answer: 5\n## Final Answer\n6", "", "", None, "5\n## Final Answer\n6"),
        ("Thought: a thoughtful: one\nwith Action: inside\nFinal Answer: 5",
         "a thoughtful: one\nwith Action: inside", "", None, "5"),
        ("Thought: a\nAction: None\nFinal Answer: 4", "a", "", None, "4"),
        ("Thought: a\nAction: No action needed.\nFinal Answer: 4", "a", "", None, "4"),
        ("Thought: a\nAction: None (I know)\nAction Input: -\nFinal Answer: 4", "a", "", None, "4"),
        ("Thought: a\nAction: -\nFinal Answer: 4", "a", "", None, "4"),
        ("Thought: a\nAction: Final Answer: 4", "a", "", None, "4"),
        ("Thought: a\nAction: Final Answer\nFinal Answer: 4", "a", "", None, "4"),
        ("Thought: a\nAction: final_answer(4)", "a", "", None, "4"),
        ('Action: search\nAction Input: "MacBook Pro" price euro', "", "search",
         {"query": '"MacBook Pro" price euro'}, ""),
        ('Action: search\nAction Input: price of "MacBook Pro"', "", "search",
         {"query": 'price of "MacBook Pro"'}, ""),
        ('Action: search\nAction Input: "a" OR "b"', "", "search", {"query": '"a" OR "b"'}, ""),
        ("Action: search\nAction Input: 'don't'", "", "search", {"query": "don't"}, ""),
        ("Action: search\nAction Input: “tea”", "", "search", {"query": "tea"}, ""),
        ('Action: calculator\nAction Input: 1+1"', "", "calculator", EXPR, ""),
        ('Action: search\nAction Input: ```JSON\n{"query": "a"}\n```', "", "search",
         {"query": "a"}, ""),
        ('Action: search\nAction Input: ```yaml\ntea\n```', "", "search", {"query": "tea"}, ""),
        ('Action: search\nAction Input: ```json\n{"query": "a ``` b"}\n```', "", "search",
         {"query": "a ``` b"}, ""),
        ("Action:\n```\ncalculator\n```\nAction Input: 1+1", "", "calculator", EXPR, ""),
        ('Action:\n```json\n{"action": "calculator", "action_input": "1+1"}\n```', "",
         "calculator", EXPR, ""),
        ('Action: {"name": "calculator", "arguments": {"expression": "1+1"}}', "", "calculator",
         EXPR, ""),
        ("Action: search\nAction Input: *report*", "", "search", {"query": "*report*"}, ""),
        ("Action: **calculator**\nAction Input: **1+1**", "", "calculator", EXPR, ""),
        ("**Final Answer: 42**", "", "", None, "42"),
        ("*Final Answer: 4*\n", "", "", None, "4"),
        ("`Final Answer: 4`", "", "", None, "4"),
        ("**Final Answer: the *big* one** it is **", "", "", None, "the *big* one** it is **"),
        ("**Final Answer:** a **4**", "", "", None, "a **4**"),
        ("```\nThought: a\nFinal Answer: 4\n```", "a", "", None, "4"),
        ("Final Answer: ```\n4\n```", "", "", None, "```\n4\n```"),
    ],
)  # fmt: skip
def test_what_it_says(text: str, thought: str, name: str, args: Any, answer: str) -> None:
    for size in (1, 7, len(text)):
        step, events, _ = read(text, size)
        assert "".join(e.text for e in events if isinstance(e, Token)) in ("", step.answer)
        assert (step.thought, step.name, step.args, step.answer, step.problem) == (
            thought, name, args, answer, "",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("It is 5.", "neither an Action nor a Final Answer"),
        ("Thought: I wonder. Final Ans", "neither an Action nor a Final Answer"),
        ("Action: calculator\nAction Input: {'expression': 'what's 1'}", "is not JSON"),
        ("Action: calculator\nAction Input: " + "[" * 100_000, "is not JSON"),
        ("Action: none\nAction Input: 1", "names no tool"),
        ("Action:\nAction Input: 1", "names no tool"),
    ],
)
def test_what_is_no_step(text: str, problem: str) -> None:
    assert problem in read(text)[0].problem


@pytest.mark.parametrize(
    ("written", "args"),
    [
        ("12345", {"code": "12345"}),
        ("code=12345, n=2", {"code": "12345", "n": 2}),
        ("code=null, n=2", {"code": None, "n": 2}),
        ('code="7", n=2', {"code": "7", "n": 2}),
    ],
)
def test_a_text_that_may_be_null_stays_a_text(written: str, args: Any) -> None:
    @tool
    def look_up(code: str | None, n: int = 1) -> str:
        """Look a code up."""
        return f"{code} {n}"

    assert read_arguments(written, look_up) == args


@pytest.mark.parametrize("nothing", ["None", "none.", '""', "N/A", "()", "null", "-", "no input"])
def test_a_tool_that_needs_nothing_may_be_given_it_in_words(nothing: str) -> None:
    @tool
    def ping() -> str:
        """Ping."""
        return "pong"

    for each in (ping, load_tools("now")[0]):
        assert read_arguments(nothing, each) == {}
    assert read_arguments("none", TOOLS[0]) == {"query": "none"}


def test_a_tool_that_is_not_there_is_called_all_the_same() -> None:
    step = read("Action: weather\nAction Input: {}")[0]
    assert (step.name, step.args) == ("weather", {}), "the model is told which tools there are"


def test_thought_and_answer_come_live_and_without_labels() -> None:
    reader = StepReader(TOOLS)
    assert list(reader.take("Thought: I")) == []
    assert list(reader.take(" need to think about it")) == [Thought("I need to think about it")]
    assert list(reader.take(" more\n")) == [Thought(" more")]
    assert list(reader.take("Final Ans")) == []
    assert list(reader.take("wer: It is a number, of course")) == [
        Token("It is a number, of course")
    ]
    assert list(reader.take(", 5 ")) == [Token(", 5")]
    assert list(reader.take("or 6")) == [Token(" or 6")]


def test_what_a_grammar_does_not_take_for_a_label_is_none() -> None:
    reader = StepReader(TOOLS, exact=True)
    list(reader.take("Thought: a\nAction 1: add\n### Final Answer\nis near\nFinal Answer: 5"))
    list(reader.end())
    assert reader.step() == Step("a\nAction 1: add\n### Final Answer\nis near", answer="5")


def test_it_stops_at_an_observation() -> None:
    step, events, done = read("Thought: a\nFinal Answer: 5\nObservation: made up\nmore")
    assert done
    assert step.answer == "5"
    assert "".join(e.text for e in events if isinstance(e, Token)) == "5"


PIECES = [
    "Thought:", "Action:", "Action Input:", "Thought 1:", "Final Answer\n", "'", "=", ",",
    "query", "Observation:", "Final Answer:", "\n", " ", "**", "`",
    "```json", "{", "}", '"expression"', ": ", '"1+1"', "calculator", "search", "1+1", "é", "٣",
    "\u2028", "\r\n", "：", "[", "(", ")", "#", ">", "Question:", "\x00", "\ud800", "none", "\\",
    '{"expression": "2"}', "Action: calculator\n", "final answer", "_", "\t", "-", "😀", "'",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_written_is_read(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(5_000):
        text = "".join(chance.choices(PIECES, k=chance.randrange(30)))
        step, events, _ = read(text, chance.randrange(1, 40))
        assert step == read(text, len(text) or 1)[0], f"however it comes in pieces: {text!r}"
        kinds = [bool(step.name), bool(step.answer), bool(step.problem)]
        assert sum(kinds) == 1 or step == Step(step.thought), text
        shown = "".join(e.text for e in events if isinstance(e, Token))
        if step.answer and shown:
            assert shown == step.answer, text


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "Thought:",
        "\n",
        "**",
        "[",
        "Action Input:\n",
        "Thought:\n",
        "  \n",
        "Action: ",
        "\\'",
        '\\"',
        "a=",
        "{'a':",
        "Question: a\n",
        "Action: a\n",
    ],
)
@pytest.mark.parametrize(
    "head",
    [
        "", "Thought: ", "Final Answer: ", "Action: x\nAction Input: ",
        "Action: search\nAction Input: {'", "Action: search(query=",
    ],
)  # fmt: skip
def test_time_is_linear(piece: str, head: str) -> None:
    def seconds(count: int) -> float:
        text = head + piece * count
        started = time.process_time()
        read(text, 50)[0]
        return time.process_time() - started

    small = max(seconds(4_000), 1e-3)
    assert seconds(40_000) < 60 * small + 0.5, (
        "ten times the text, and not a hundred times the time"
    )


def test_what_may_become_an_answer_is_not_shown_as_a_thought() -> None:
    for size in (1, 3, 50):
        _, events, done = read("Thought: It is 5. Final Answer: 5\nAnd so on.", size)
        assert "".join(e.text for e in events if isinstance(e, Thought)) == "It is 5."
        assert "".join(e.text for e in events if isinstance(e, Token)) == "5"
        assert done
        _, events, _ = read("Thought: It is 5. Final", size)
        assert "".join(e.text for e in events if isinstance(e, Thought)) == "It is 5. Final"


CIRCLES = [
    "We can't have them.\n\n" * 9,
    "The farmer has 144 cows.\n\nThe answer is 144.\n\n" * 9,
    "".join(f"Step {n}.\n" for n in range(12)) * 9,
]


@pytest.mark.parametrize("said", CIRCLES)
@pytest.mark.parametrize("label", ["Thought: ", ""])
def test_a_thought_that_goes_round_in_circles_is_at_its_end(label: str, said: str) -> None:
    for size in (1, 7, 10_000):
        step, events, done = read(f"{label}So.\n{said}Final Answer: 5", size)
        assert done
        assert step.problem == "it says the same again and again"
        assert step.thought == "So.\n" + said[: len(said) // 9].strip()
        assert not any(isinstance(e, Token) for e in events)


@pytest.mark.parametrize(
    "text",
    [
        "Thought: a\nFinal Answer: " + "0,0,0,0,0,0\n" * 9,  # an answer may have to say it
        "Thought: | - | - |\n|---|\n|---|\n|---|\nFinal Answer: 5",
        "Thought: I see.\n\nI see.\nYou see.\nI see.\nFinal Answer: 5",
        "Thought: " + "\n".join(f"{n} * 2 = {n * 2}" for n in range(30)) + "\nFinal Answer: 5",
    ],
)
def test_what_is_said_again_with_reason_is_read_on(text: str) -> None:
    step, _, _ = read(text, 5)
    assert not step.problem
    assert step.answer == text.partition("Final Answer: ")[2].strip()
