"""Every kind of target, recorded and replayed, with what a user may get wrong about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentlab.errors import ConfigError
from agentlab.recording import load, save
from agentlab.scenarios.models import Models
from agentlab.scenarios.results import ScenarioResult
from agentlab.scenarios.schema import ModelEntry
from tests.scenarios.conftest import Project

Made = Callable[..., dict[str, ScenarioResult]]
HEAD = """agentlab: 1
models: {talk: {scripted: talk.yaml}, worker: {scripted: agent.yaml}}
scenarios:
"""
ALL = (
    HEAD
    + """
- id: triage
  chain: shop:triage
  model: talk
  input: {ticket: billing trouble}
  expect: {json: {category: billing, amount: 42}, at: {$.amount: {approx: 42, tol: 1}}}
- id: chat
  chat: chat
  model: talk
  turns:
  - user: I am Ada.
    expect: {contains: Hello Ada, stream: {joined: true}}
  - user: What is my name?
    expect: {equals: Your name is Ada., memory: {contains: I am Ada.}}
- id: refund
  agent: shop:support
  model: worker
  input: Refund order 7
  expect:
    contains: manager
    trajectory: {exact: [{lookup: {order: "7"}}], never: [refund]}
    budget: {model_calls: 2, tool_calls: 1}
- id: manual
  rag: shop:manual
  model: talk
  input: How do I reset it?
  expect: {contains: ten seconds, retrieved: {recall: 1, docs: [reset, fill]}}
- id: both
  chain: shop:pair
  input: I am Ada.
  expect: {at: {$.first: {contains: Ada}}}
"""
)


def test_all_kinds_record_and_replay(project: Project) -> None:
    text = ALL.replace(
        "models: {", "models: {first: {scripted: talk.yaml}, second: 'scripted:talk.yaml', "
    )
    project.write(text)
    recorded = project.run()
    assert {r.status for r in recorded.values()} == {"recorded"}, recorded
    import shop  # type: ignore[import-not-found]

    assert shop.MADE == ["lookup", "shelf"]
    replayed = project.run()
    assert {r.status for r in replayed.values()} == {"passed"}, replayed
    assert shop.MADE == ["lookup", "shelf"]  # nothing ran again
    assert all(r.live_calls == 0 and r.replayed_calls for r in replayed.values())
    for name, result in replayed.items():
        assert result.run is not None
        old = recorded[name].run
        assert old is not None
        assert result.run.text == old.text
        assert [s.request.key for s in result.run.steps] == [s.request.key for s in old.steps]
        assert result.run.seconds == pytest.approx(old.seconds, abs=1e-3)
    assert len(replayed["manual"].run.turns[0].documents) == 2  # type: ignore[union-attr]
    turns = replayed["chat"].run.turns  # type: ignore[union-attr]
    assert [(t.first, t.last) for t in turns] == [(0, 1), (1, 2)]
    assert "".join(turns[1].chunks) == "Your name is Ada."
    assert [m.text for m in turns[1].shown] == ["I am Ada.", "Hello Ada, nice to meet you."]


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        ("chain: shop:tirage", "'shop' has no 'tirage', did you mean `triage`?"),
        ("chain: shp:triage", "there is no module 'shp'"),
        ("chain: shop:Broken\n  # model:", "is of type Broken, not a Runnable"),
        ("chain: shop:SYSTEM", "is of type str, not a Runnable"),
        ("chain: storey", "there is no chain 'storey'"),
        ("chat: chatt", "chatt"),
        ("chain: shop:pair", "needs 'first', and there is no such model"),
        ("chat: chat\n  memory: windw:2", "unknown memory 'windw:2'"),
        ("chain: shop:triage\n  model: scripted:missing.yaml", "missing.yaml"),
    ],
)
def test_a_target_that_is_not_there_is_an_error_of_its_scenario(
    made: Made, scenario: str, told: str
) -> None:
    model = "" if "model:" in scenario else "\n  model: talk"
    results = made(f"{HEAD}- id: a\n  {scenario}{model}\n  input: x\n")
    assert results["a"].status == "error"
    assert told in results["a"].error


def test_a_chain_may_be_the_name_of_a_prompt(made: Made) -> None:
    text = HEAD + "- {id: a, chain: reason/question, model: talk, input: I am Ada.}\n"
    assert made(text)["a"].status == "recorded"
    again = made(text)["a"]
    assert again.status == "passed"
    assert again.run is not None
    assert again.run.text.startswith("Hello Ada")
    assert "there is no prompt 'reason/qestion'" in made(text.replace("qu", "q"))["a"].error


def test_a_model_may_have_a_preset_and_parameters_over_it(project: Project) -> None:
    entry = ModelEntry.model_validate({"scripted": "talk.yaml", "preset": "email", "top_p": 0.9})
    models = Models(project.folder, {"talk": entry}, {"seed": 7})
    model: Any = models.get("talk")
    assert (model.temperature, model.top_p, model.seed) == (0.2, 0.9, 7)
    other: Any = Models(project.folder, {"talk": entry}, {"preset": "brainstorming"}).get(None)
    assert (other.temperature, other.top_p) == (1.0, 0.9)
    with pytest.raises(ConfigError, match="no preset 'mail'"):
        Models(project.folder, {"talk": entry}, {"preset": "mail"}).get("talk")


TOOLS = """agentlab: 1
models: {worker: {scripted: agent.yaml}}
scenarios:
- id: a
  chat: chat
  tools: ['shop:lookup', now]
  turns:
  - user: Refund order 7
    expect: {contains: manager}
  expect: {trajectory: {exact: [{lookup: {order: "7"}}]}, budget: {tool_calls: 1}}
"""


def test_a_chat_with_tools(made: Made, project: Project) -> None:
    assert made(TOOLS)["a"].status == "recorded"
    import shop  # type: ignore[import-not-found, unused-ignore]

    assert shop.MADE == ["lookup"]
    again = made(TOOLS)["a"]
    assert (again.status, again.live_calls, again.replayed_calls) == ("passed", 0, 3)
    assert shop.MADE == ["lookup"]  # it did not run again
    project.edit("shop.py", "Look an order up.", "Look up an order.")
    drifted = made(TOOLS)["a"]
    assert drifted.status == "drift"
    assert drifted.drift is not None
    assert drifted.drift.what == "tool schema"
    for wrong, told in (
        ("shop:lokup", "did you mean `lookup`"),
        ("noww", "no tool is named 'noww'"),
    ):
        result = made(TOOLS.replace("now]", f"'{wrong}']"))["a"]
        assert result.status == "error"
        assert told in result.error or told in result.hint


def test_a_factory_without_model_takes_none(made: Made, project: Project) -> None:
    (project.folder / "shop.py").write_text(
        "from langchain_core.runnables import RunnableLambda\n"
        "fixed = RunnableLambda(str.upper)\ndef nothing():\n    return fixed\n"
    )
    text = HEAD + "- {id: a, chain: 'shop:NAME', input: x, expect: {equals: X}}\n"
    for name in ("fixed", "nothing"):
        assert made(text.replace("NAME", name), "all")["a"].ok
        wrong = made(text.replace("NAME", name).replace("input", "model: talk, input"), "all")["a"]
        assert "can't be given one" in wrong.error


def test_a_module_that_fails_and_a_target_that_raises(made: Made, project: Project) -> None:
    (project.folder / "shop.py").write_text("1 / 0\n")
    text = HEAD + "- {id: a, chain: 'shop:x', input: x}\n"
    assert "ZeroDivisionError" in made(text)["a"].error
    (project.folder / "shop.py").write_text(
        "from langchain_core.runnables import RunnableLambda\nx = RunnableLambda(lambda t: 1 / 0)\n"
    )
    result = made(text, "all")["a"]
    assert result.status == "error"
    assert result.error == "ZeroDivisionError: division by zero"
    assert result.run is not None
    assert isinstance(result.run.turns[0].error, ZeroDivisionError)
    assert not project.cassette("a").exists()


def test_frozen_time_identifiers_and_chance(made: Made) -> None:
    text = (
        HEAD
        + """- id: a
  chain: shop:dated
  model: talk
  freeze: {time: 2026-01-05T09:00:00Z, uuid: seq, random: 7}
  input: hello
"""
    )
    first = made(text)["a"]
    again = made(text)["a"]
    assert again.status == "passed"
    assert first.run is not None
    said = first.run.steps[0].request.messages[0][1]["content"]
    assert said.startswith("2026-01-05 00000000-0000-0000-0000-000000000001 0.324 ")
    drift = made(text.replace("2026-01-05", "2026-01-06"))["a"]
    assert drift.status == "drift"
    assert "2026-01-[-05-]{+06+}" in str(drift.drift)


def test_unfrozen_time_is_recorded(made: Made) -> None:
    text = HEAD + "- {id: a, chain: 'shop:dated', model: talk, input: hello}\n"
    assert made(text)["a"].status == "recorded"
    assert made(text)["a"].status == "passed"


def test_a_matrix_over_models_memories_inputs_and_parameters(made: Made, project: Project) -> None:
    text = (
        HEAD
        + """- id: talk
  chat: chat
  matrix:
    model: [talk, {scripted: talk.yaml, temperature: 0.5}]
    memory: ["window:1", buffer]
  turns:
  - user: I am Ada.
  - user: What is my name?
    expect: {contains: Ada}
- id: shaped
  chain: shop:triage
  model: talk
  matrix: {input.ticket: [billing, reset], temperature: [0, 1]}
  expect: {not: {equals: ""}}
  input: {}
"""
    )
    results = made(text)
    assert list(results) == [
        "talk[model=talk,memory=window:1]",
        "talk[model=talk,memory=buffer]",
        'talk[model={"scripted":"talk.yaml","temperature":0.5},memory=window:1]',
        'talk[model={"scripted":"talk.yaml","temperature":0.5},memory=buffer]',
        "shaped[input.ticket=billing,temperature=0]",
        "shaped[input.ticket=billing,temperature=1]",
        "shaped[input.ticket=reset,temperature=0]",
        "shaped[input.ticket=reset,temperature=1]",
    ]
    assert {r.status for r in results.values()} == {"recorded"}
    steps = results["shaped[input.ticket=reset,temperature=1]"].run.steps  # type: ignore[union-attr]
    assert steps[0].request.parts["sampler"]["temperature"] == 1
    assert {r.status for r in made(text).values()} == {"passed"}
    files = sorted(p.name for p in project.cassette("x").parent.iterdir())
    assert len(files) == 8
    assert "shaped~input.ticket=reset~temperature=1.jsonl" in files


def test_repetitions_of_which_some_must_pass(made: Made, project: Project) -> None:
    text = HEAD + (
        "- {id: a, chain: 'shop:fragile', model: talk, input: reset,\n"
        "   repeat: {n: 3, pass: NEEDED}, expect: {contains: ten}}\n"
    )
    results = made(text.replace("NEEDED", "3"))
    assert list(results) == ["a[repeat=1]", "a[repeat=2]", "a[repeat=3]"]
    assert [r.status for r in results.values()] == ["recorded"] * 3
    second = load(project.cassette("a~2"))
    second.steps[0].reply["message"]["content"] = "Hold the button for nine seconds."
    save(project.cassette("a~2"), second)
    all_needed = [r.status for r in made(text.replace("NEEDED", "3")).values()]
    assert all_needed == ["passed", "failed", "passed"]
    enough = made(text.replace("NEEDED", "2"))
    assert [r.status for r in enough.values()] == ["passed"] * 3
    assert [len(r.warnings) for r in enough.values()] == [0, 1, 0]


def test_skip_warn_and_tags(made: Made) -> None:
    results = made(
        HEAD
        + """- {id: off, skip: not ready, chain: 'shop:nothing', input: x}
- {id: soft, level: warn, tags: [slow], chain: 'shop:fragile', model: talk, input: x,
   expect: {equals: never}}
"""
    )
    assert results["off"].status == "skipped"
    assert results["off"].hint == "not ready"
    assert results["soft"].status == "passed"
    assert results["soft"].warnings[0].path == "expect.equals"
    assert results["soft"].tags == ("slow",)


def test_agents_and_answers_from_documents_are_streamed(made: Made, project: Project) -> None:
    (project.folder / "streams.py").write_text(
        """
from agentlab import create_agent, sequential
from agentlab.rag import create_rag
from shop import Shelf, TOOLS

def agent(model):
    return create_agent(model, list(TOOLS.values()), approve=lambda call: True)

def chain(model):
    return sequential(refund=agent(model))

def cited(model):
    return create_rag(model, Shelf())
"""
    )
    (project.folder / "cited.yaml").write_text(
        """replies:
- say: '{"sentences": [{"text": "Hold the button for ten seconds.", "sources": [1]}]}'
  repeat: true
"""
    )
    text = """agentlab: 1
models: {worker: {scripted: agent.yaml}, cited: {scripted: cited.yaml}}
scenarios:
- id: agent
  agent: streams:agent
  model: worker
  input: Refund order 7
  expect: {contains: manager, stream: {joined: true, chunks: {min: 3}},
           trajectory: {exact: [{lookup: {order: "7"}}]}}
- id: chain
  chain: streams:chain
  model: worker
  input: {input: Refund order 7}
  expect: {contains: manager, stream: {joined: true, chunks: {min: 3}}}
- id: cited
  rag: streams:cited
  model: cited
  input: How do I reset it?
  expect: {equals: "Hold the button for ten seconds [1].", stream: {joined: true},
           retrieved: {recall: 1, docs: [reset, fill]}}
"""
    for status in ("recorded", "passed"):
        results = made(text)
        assert {r.status for r in results.values()} == {status}, results
