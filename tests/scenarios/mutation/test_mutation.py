"""Runs changed on purpose: what they are, and who notices."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from agentlab.errors import ScenarioError
from agentlab.scenarios.expectations import CheckContext, check, compile_expect
from agentlab.scenarios.expectations.calls import made_calls
from agentlab.scenarios.mutation import MutationReport, score
from agentlab.scenarios.mutation.mutants import answer_mutants, call_mutants
from agentlab.scenarios.mutation.texts import negate
from agentlab.scenarios.results import Run, TurnRun
from tests.scenarios.expectations.runs import said

ANSWER = "Your order 8841 was sent on 12 May. It is not lost."
DOCUMENTS = [
    {"id": "d1", "text": "Hold the reset button for ten seconds."},
    {"id": "d2", "text": "The pump weighs 4 kilograms."},
]


def report(raw: Any, run: Run, context: CheckContext | None = None) -> MutationReport:
    return score({None: compile_expect(raw)}, run, context)


def kinds(run: Run, turn: int = 0) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mutant in answer_mutants(run, turn):
        found.setdefault(mutant.what, []).append(mutant.run.turns[turn].text)
    return found


def test_the_changes_of_a_text() -> None:
    assert kinds(said(ANSWER)) == {
        "sentence dropped": ["It is not lost."],
        "negated": ["Your order 8841 was sent on 12 May. It is lost."],
        "number": [
            "Your order 8842 was sent on 12 May. It is not lost.",
            "Your order 8841 was sent on 13 May. It is not lost.",
        ],
        "truncated": ["Your order 8841 was sent on"],
        "empty": [""],
    }


@pytest.mark.parametrize(
    ("text", "contrary"),
    [
        ("It is lost.", "It is not lost."),
        ("It isn't lost.", "It is lost."),
        ("You cannot return it.", "You can return it."),
        ("Yes, of course.", "No, of course."),
        ("TRUE", "FALSE"),
        ("Rain tomorrow.", "It is not true that Rain tomorrow."),
    ],
)
def test_negation(text: str, contrary: str) -> None:
    assert negate(text)[0] == contrary


def test_another_turns_answer() -> None:
    turns = [TurnRun("a", "Hello.", "Hello.", 0, 0), TurnRun("b", "8841", "8841", 0, 0)]
    run = Run(turns, [])
    assert kinds(run, 1)["another turn's answer"] == ["Hello."]
    assert kinds(run, 0)["another turn's answer"] == ["8841"]


def test_the_changes_of_json_in_a_text() -> None:
    texts = kinds(said('{"amount": 42, "ok": true, "kind": "billing"}'))
    assert json.loads(texts["number"][0]) == {"amount": 43, "ok": True, "kind": "billing"}
    assert json.loads(texts["negated"][0]) == {"amount": 42, "ok": False, "kind": "billing"}
    assert json.loads(texts["text emptied"][0])["kind"] == ""
    assert json.loads(texts["member dropped"][0]) == {"ok": True, "kind": "billing"}


class Ticket(BaseModel):
    kind: str
    amount: int


def test_the_changes_of_a_structured_answer() -> None:
    run = said('{"kind": "billing", "amount": 42}', Ticket(kind="billing", amount=42))
    outputs = [mutant.run.output for mutant in answer_mutants(run, 0)]
    assert Ticket(kind="billing", amount=43) in outputs
    assert all(isinstance(output, Ticket) for output in outputs)
    message = said("It is 5.", AIMessage("It is 5."))
    assert {m.run.output.content == m.run.text for m in answer_mutants(message, 0)} == {True}


def test_messages_stay_messages() -> None:
    history = [HumanMessage("How much?"), AIMessage("It is 5.")]
    run = said("It is 5.", {"messages": history})
    for mutant in answer_mutants(run, 0):
        asked, answered = mutant.run.output["messages"]
        assert asked == history[0]
        assert isinstance(answered, AIMessage)
        assert answered.content == mutant.run.text != "It is 5."
    assert history[1].content == "It is 5."


def test_what_the_answer_was_made_from_is_left_alone() -> None:
    given_input = {"summary": "A girl lost her 1 mother."}
    output = {**given_input, "title": "Lost", "story": "She was 9. She is 10."}
    turn = TurnRun(given_input, output, output["story"], 0, 0)
    changed = [mutant.run.output for mutant in answer_mutants(Run([turn], []), 0)]
    assert {value.get("summary") for value in changed} == {given_input["summary"]}
    assert len({json.dumps(value) for value in changed}) > 5


def test_of_an_answer_from_documents_what_stands_beside_it_is_left_alone() -> None:
    beside = {
        "sentences": [{"text": "Hold it 10 s.", "supported": True, "support": 1.0}],
        "supported": 1.0,
        "contexts": ["Hold it 10 s."],
        "dropped": ["d9"],
        "usage": {"input_tokens": 9},
    }
    run = said("Hold it 10 s.", {"answer": "Hold it 10 s.", **beside})
    changed = [mutant.run.output for mutant in answer_mutants(run, 0)]
    assert all({k: v for k, v in value.items() if k != "answer"} == beside for value in changed)
    assert len({value["answer"] for value in changed}) > 2


def test_citations_are_swapped_and_removed() -> None:
    run = said("Hold it [1]. Then wait.", documents=DOCUMENTS)
    texts = kinds(run)
    assert texts["citation swapped"] == ["Hold it [2]. Then wait."]
    assert texts["citations removed"] == ["Hold it. Then wait."]
    listed = said("Hold it.", {"answer": "Hold it.", "citations": ["d1"]}, documents=DOCUMENTS)
    outputs = {m.what: m.run.output["citations"] for m in answer_mutants(listed, 0)}
    assert outputs["citation swapped"] == ["d2"]
    assert outputs["citations removed"] == []


def test_tool_calls_are_changed_in_the_request_and_the_step(support_run: Run) -> None:
    found = {(m.what, m.change.split(",")[0]): m.run for m in call_mutants(support_run, 0)}
    calls = {key: [str(call) for call in made_calls(run)] for key, run in found.items()}
    look, policy = 'look_up(order="TEST-1")', "check_policy(amount=842.0)"
    assert calls["call dropped", "call 1"] == [policy]
    assert calls["call repeated", "call 2"] == [look, policy, policy]
    assert calls["another tool", "call 2"] == [look, "look_up(amount=842.0)"]
    assert calls["argument changed", "call 1"] == ['look_up(order="TEST-2")', policy]
    assert [str(call) for call in made_calls(support_run)] == [look, policy]
    for run in found.values():
        assert run.turns[0].last == len(run.steps)


def test_a_strict_scenario_notices_everything(support_run: Run) -> None:
    raw = {
        "equals": support_run.text,
        "trajectory": {
            "exact": [{"look_up": {"order": "TEST-1"}}, {"check_policy": {"amount": 842}}]
        },
    }
    found = report(raw, support_run)
    assert (found.score, found.survived, found.undecided) == (1.0, 0, 0)
    assert found.killed == len(found.items) >= 10
    assert {item.by for item in found.items} == {"expect.equals", "expect.trajectory.exact"}


def test_what_survives_can_be_read() -> None:
    found = report({"contains": "8841"}, said(ANSWER))
    assert [str(item) for item in found.survivors] == [
        "survived: turn 1: negated: is not → is",
        "survived: turn 1: number: 12 → 13",
        "survived: turn 1: truncated: ends with “Your order 8841 was sent on”",
    ]
    assert (found.killed, found.survived) == (3, 3)
    assert found.score == 0.5
    plain = found.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["items"][0] == {
        "what": "sentence dropped",
        "turn": 0,
        "change": "“Your order 8841 was sent on 12 May.”",
        "verdict": "killed",
        "by": "expect.contains",
    }


def test_an_expectation_that_is_not_met_anyway_notices_nothing() -> None:
    found = report({"contains": ["8841", "never said"]}, said(ANSWER))
    assert {item.by for item in found.items if item.verdict == "killed"} == {"expect.contains[0]"}


JUDGE = {"judge": {"ask": "Is it polite?", "model": "local"}}


def test_what_only_a_model_could_judge_counts_for_nothing(support_run: Run) -> None:
    """The context has no model: asking one would be an error."""
    found = report(JUDGE, said(ANSWER))
    assert (found.killed, found.survived, found.undecided) == (0, 0, 6)
    assert found.score is None
    found = report({**JUDGE, "contains": "8841"}, said(ANSWER))
    assert (found.killed, found.survived, found.undecided) == (3, 0, 3)
    found = report({"any": [JUDGE, {"contains": "8841"}]}, said(ANSWER))
    assert (found.killed, found.survived, found.undecided) == (0, 3, 3)
    found = report({"not": JUDGE, "contains": "8841"}, said(ANSWER))
    assert (found.survived, found.undecided) == (0, 6 - found.killed)


def test_a_judge_of_the_same_answer_says_the_same(support_run: Run) -> None:
    """A changed tool call leaves the answer, and so the recorded verdict, as it is."""
    found = report({**JUDGE, "trajectory": {"calls": {"look_up": 1}}}, support_run)
    by_kind = {item.what: item.verdict for item in found.items if "call 1" in item.change}
    assert by_kind["call dropped"] == "killed"
    assert by_kind["argument changed"] == "survived"


def test_turns_have_their_own_expectations() -> None:
    turns = [
        TurnRun(str(i), text, text, 0, 0) for i, text in enumerate(["Hello.", "It is 5.", "Bye."])
    ]
    run = Run(turns, [])
    found = score({1: compile_expect({"contains": "5"}, "turns[1].expect")}, run)
    assert {item.turn for item in found.items} == {1}
    assert found.unchecked == (0, 2)
    assert {item.by for item in found.items if item.by} == {"turns[1].expect.contains"}
    both = score(
        {0: compile_expect({"contains": "Hello"}), None: compile_expect({"equals": "Bye."})}, run
    )
    assert {item.turn for item in both.items} == {0, 2}
    assert both.unchecked == (1,)


def test_code_that_fails_on_a_changed_run_has_noticed(tmp_path: Any) -> None:
    (tmp_path / "mutation_checks.py").write_text("def f(run):\n    return int(run.text) == 5\n")
    context = CheckContext(project=tmp_path)
    found = report({"code": "mutation_checks:f"}, said("5"), context)
    assert found.score == 1.0
    with pytest.raises(ScenarioError, match="ValueError"):
        report({"code": "mutation_checks:f"}, said("five"), context)


def test_streams_keep_their_number_of_chunks() -> None:
    run = said(ANSWER, chunks=tuple(ANSWER.partition(" ")))
    found = report({"stream": {"chunks": 3, "joined": True}}, run)
    assert found.killed == 0


@given(st.text('ab 1.\n[]{}",:', max_size=30) | st.text(max_size=20))
def test_every_change_is_one_and_the_same_each_time(text: str) -> None:
    run = said(text, documents=DOCUMENTS, chunks=(text,) if text else ())
    mutants = list(answer_mutants(run, 0))
    texts = [mutant.run.text for mutant in mutants]
    assert text not in texts
    assert len(set(texts)) == len(texts)
    assert mutants == list(answer_mutants(run, 0))
    assert all("\n" not in m.change and len(m.change) < 200 for m in mutants)
    expectation = compile_expect({"equals": text})
    assert check(expectation, run) == []
    assert score({None: expectation}, run).survived == 0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), values, min_size=1, max_size=3))
def test_every_change_of_a_value_is_noticed_by_equality(value: Any) -> None:
    run = said(json.dumps(value), value)
    before = json.dumps(value)
    found = report({"equals": value}, run)
    assert found.survived == 0
    assert json.dumps(value) == before
