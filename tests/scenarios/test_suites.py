"""Recording modes, drift, accepting it, forks, several processes, one report whatever the order."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentlab.errors import ScenarioError
from agentlab.recording import load
from agentlab.scenarios.accept import accept
from agentlab.scenarios.report import as_json
from agentlab.scenarios.results import ScenarioResult
from agentlab.scenarios.running import Options
from agentlab.scenarios.suite import Choice, matches, run_suite
from tests.scenarios.conftest import Project

Made = Callable[..., dict[str, ScenarioResult]]
HEAD = """agentlab: 1
models: {talk: {scripted: talk.yaml}, worker: {scripted: agent.yaml}}
scenarios:
"""
AGENT = HEAD + "- {id: a, agent: 'shop:support', model: worker, input: Refund order 7}\n"
PAID = AGENT.replace("Refund order 7", "Pay order 9 back")
CHAT = (
    HEAD
    + """- id: chat
  chat: chat
  model: talk
  turns:
  - user: I am Ada.
  - user: What is my name?
    expect: {contains: Ada}
"""
)


def test_without_a_recording_none_says_how_to_make_one(made: Made) -> None:
    result = made(AGENT, "none")["a"]
    assert result.status == "error"
    assert result.error.startswith("there is no recording scenarios/cassettes/shop/a.jsonl")
    assert "--record once" in result.hint


def test_ci_records_nothing(made: Made, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert made(AGENT.replace("scenarios:", "record: all\nscenarios:", 1))["a"].status == "error"
    assert not project.cassette("a").exists()
    assert made(AGENT, "once")["a"].status == "recorded"  # asked for by name


def test_new_records_from_the_first_divergence(made: Made, project: Project) -> None:
    made(CHAT)
    changed = CHAT.replace("What is my name?", "Tell my name?")
    drift = made(changed)["chat"]
    assert drift.status == "drift"
    assert drift.drift is not None
    assert (drift.drift.step, drift.drift.of) == (2, 2)
    assert [o.status for o in drift.outcomes] == ["passed", "diverged"]
    result = made(changed, "new")["chat"]
    assert (result.status, result.replayed_calls, result.live_calls) == ("recorded", 1, 1)
    assert made(changed)["chat"].status == "passed"


def test_all_records_again_and_verify_compares(made: Made, project: Project) -> None:
    made(CHAT)
    before = project.cassette("chat").read_bytes()
    assert made(CHAT, "verify")["chat"].status == "passed"
    assert project.cassette("chat").read_bytes() == before
    assert made(CHAT, "all")["chat"].live_calls == 2
    project.edit("talk.yaml", "Your name is Ada.", "You are Ada.")
    result = made(CHAT, "verify")["chat"]
    assert result.status == "drift"


def test_tools_with_effects_run_only_while_recording(made: Made) -> None:
    assert made(PAID)["a"].status == "recorded"
    import shop

    assert shop.MADE == ["refund"]
    assert made(PAID)["a"].status == "passed"
    changed = PAID.replace("Pay order 9 back", "Pay order 9 back now")
    refused = made(changed, "new")["a"]
    assert refused.status == "error"
    assert "'refund' has side effects" in refused.error
    assert shop.MADE == ["refund"]


def test_effects_may_be_allowed(made: Made, project: Project) -> None:
    made(PAID)
    project.write(PAID.replace("Pay order 9 back", "Pay order 9 back now"))
    assert project.run("new", allow_effects=True)["a"].status == "recorded"


def test_another_model_in_the_place_of_each(made: Made, project: Project) -> None:
    made(CHAT)
    result = project.run(model="scripted:agent.yaml")["chat"]
    assert result.status == "drift"
    assert result.drift is not None
    assert result.drift.what == "model identity"


def test_an_edited_prompt_is_drift_and_can_be_accepted(made: Made, project: Project) -> None:
    made(AGENT)
    project.edit("shop.py", "need manager approval", "need supervisor approval")
    drift = made(AGENT)["a"]
    assert drift.status == "drift"
    assert [o.status for o in drift.outcomes] == ["diverged", "stale", "stale"]
    assert "need [-manager-]{+supervisor+} approval" in str(drift.drift)
    (accepted,) = accept("a", [project.folder / "scenarios"])
    assert [(d.step, d.what) for d in accepted.drifts] == [
        (1, "prompt edited"),
        (3, "prompt edited"),
    ]
    again = made(AGENT)["a"]
    assert again.status == "passed"
    assert again.run is not None
    assert again.run.text == "That needs a manager's approval."
    marks = load(project.cassette("a")).meta["accepted"]
    assert marks == [{"step": 1, "what": "prompt edited"}, {"step": 3, "what": "prompt edited"}]
    (nothing,) = accept("a", [project.folder / "scenarios"])
    assert nothing.drifts == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('return f"order {order} was', 'MADE.append("x")\n    return f"order {order} was', ""),
        (
            "said = model.invoke(history)",
            "said = model.invoke(history); model.invoke('x')",
            "step 2 of 3",
        ),
        (
            'TOOLS[call["name"]].invoke(call)',
            'TOOLS[call["name"]].invoke({**call, "args": {"order": "8"}})',
            "(tool lookup) needs a new call: tool arguments",
        ),
    ],
)
def test_what_needs_a_new_answer_is_not_accepted(
    made: Made, project: Project, old: str, new: str, told: str
) -> None:
    made(AGENT)
    before = project.cassette("a").read_bytes()
    project.edit("shop.py", old, new)
    if not told:  # a tool's body is not run in replay, so it is no drift
        assert accept("a", [project.folder / "scenarios"])[0].drifts == ()
        return
    with pytest.raises(ScenarioError) as caught:
        accept("a", [project.folder / "scenarios"])
    assert told in str(caught.value)
    assert "--record new" in caught.value.hint
    assert project.cassette("a").read_bytes() == before


def test_another_model_is_not_accepted(made: Made, project: Project) -> None:
    made(CHAT)
    shutil.copy(project.folder / "agent.yaml", project.folder / "other.yaml")
    project.write(CHAT.replace("talk: {scripted: talk.yaml}", "talk: {scripted: other.yaml}"))
    with pytest.raises(ScenarioError, match="another model would answer"):
        accept("chat", [project.folder / "scenarios"])
    with pytest.raises(ScenarioError, match="no scenario 'chatt', did you mean `chat`"):
        accept("chatt", [project.folder / "scenarios"])


FORK = """- id: down
  fork: {of: a, at: 'tool:lookup'}
  faults: [{at: 'tool:lookup', error: timeout, times: always}]
  expect: {contains: do not know, not: {contains: Traceback}}
"""


def test_a_fork_shares_the_start_and_records_its_tail(made: Made, project: Project) -> None:
    project.edit(
        "agent.yaml",
        '- when: {last: "Refund order 7"}',
        (
            '- when: {contains: "Error: "}\n  say: I do not know what it cost.\n  repeat: true\n'
            '- when: {last: "Refund order 7"}'
        ),
    )
    results = made(AGENT + FORK)
    assert [r.status for r in results.values()] == ["recorded", "recorded"]
    assert results["down"].replayed_calls == 1
    assert results["down"].live_calls == 1
    assert len(load(project.cassette("down")).steps) == 1
    again = made(AGENT + FORK)["down"]
    assert again.status == "passed"
    assert again.run is not None
    assert [step.kind for step in again.run.steps] == ["model", "tool", "model"]
    # The start belongs to the parent, so what changes there is told there and here.
    project.edit("shop.py", "need manager approval", "need supervisor approval")
    assert [r.status for r in made(AGENT + FORK).values()] == ["drift", "drift"]
    with pytest.raises(ScenarioError, match="that is a step of a: accept it there"):
        accept("down", [project.folder / "scenarios"])
    accept("a", [project.folder / "scenarios"])
    accept("down", [project.folder / "scenarios"])
    assert [r.status for r in made(AGENT + FORK).values()] == ["passed", "passed"]


def test_a_fork_of_a_chat_says_something_else(made: Made, project: Project) -> None:
    text = (
        CHAT
        + """- id: other
  fork: {of: chat, at: turn#2}
  turns:
  - user: How do I reset it?
    expect: {contains: ten seconds, memory: {contains: I am Ada.}}
  - user: What is my name?
    expect: {contains: Ada}
- id: deeper
  fork: {of: other, at: turn#3}
  turns: [{user: billing}]
"""
    )
    results = made(text)
    assert {r.status for r in results.values()} == {"recorded"}, results
    assert [r.live_calls for r in results.values()] == [2, 2, 1]
    assert {r.status for r in made(text).values()} == {"passed"}
    deeper = made(text)["deeper"].run
    assert deeper is not None
    assert [turn.input for turn in deeper.turns] == ["I am Ada.", "How do I reset it?", "billing"]


def test_a_fork_from_where_there_is_nothing(made: Made) -> None:
    result = made(AGENT + FORK.replace("tool:lookup'}", "tool:lookup#5'}"))["down"]
    assert "a has 1 steps like 'tool:lookup', so none to branch at tool:lookup#5" in result.error


def test_a_fork_that_goes_its_own_way_too_early(made: Made, project: Project) -> None:
    text = AGENT + FORK.replace("  faults", "  input: Pay order 9 back\n  faults")
    result = made(text)["down"]
    assert result.status == "error"
    assert "leaves the recording of a before tool:lookup" in result.error
    assert not project.cassette("down").exists()


def test_a_missing_parent(made: Made, project: Project) -> None:
    made(AGENT)
    project.cassette("a").unlink()
    result = run_suite([project.write(AGENT + FORK)], Options(), choice=Choice("down")).results[0]
    assert "there is no recording" in result.error


def test_redacted_secrets_never_reach_the_disk(made: Made, project: Project) -> None:
    text = AGENT.replace("scenarios:", "redact: ['ACME-\\d+']\nscenarios:", 1)
    text = text.replace("Refund order 7", "Refund order 7 for ACME-12345 sk-abcdefghij0123456789")
    assert made(text)["a"].status == "recorded"
    written = project.cassette("a").read_text()
    assert "12345" not in written
    assert "sk-abc" not in written
    assert made(text)["a"].status == "passed"


def test_a_judge_is_recorded_beside_the_run(made: Made, project: Project) -> None:
    assert made(AGENT)["a"].status == "recorded"
    before = project.cassette("a").read_bytes()
    text = HEAD.replace("worker: {", "judge: {scripted: judge.yaml}, worker: {") + (
        "- {id: a, agent: 'shop:support', model: worker, input: Refund order 7,\n"
        "   expect: {judge: {ask: Is it polite?, model: judge, p: 0.8}}}\n"
    )
    script = project.folder / "judge.yaml"
    script.write_text("""replies: [{say: '{"verdict": "yes"}', repeat: true}]\n""")
    refused = made(text, "none")["a"]
    assert refused.status == "error"  # nobody has asked the judge yet
    assert made(text)["a"].status == "passed"
    assert project.cassette("a").read_bytes() == before
    assert len(load(project.cassette("a.checks")).steps) == 1
    assert made(text, "none")["a"].status == "passed"
    assert made(AGENT, "none")["a"].status == "passed"  # a judgement that nobody wants is no drift


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        ("", True),
        ("refund", True),
        ("REFUND", True),
        ("chat", False),
        ("not chat", True),
        ("refund and chat", False),
        ("refund and not chat", True),
        ("chat or refund", True),
    ],
)
def test_words_choose(words: str, taken: bool) -> None:
    assert matches(words, "big-refund[model=local] scenarios/shop.yaml slow") is taken


MANY = HEAD + "".join(
    f"- {{id: s{n}, chain: 'shop:triage', model: talk, tags: [t{n % 2}],"
    f" input: {{ticket: billing {n}}}, expect: {{contains: {'billing' if n % 3 else 'other'}}}}}\n"
    for n in range(8)
)


def digest(project: Project, processes: int) -> str:
    suite = run_suite([project.folder / "scenarios"], Options(record="none"), processes=processes)
    return hashlib.sha256(json.dumps(as_json(suite), sort_keys=False).encode()).hexdigest()


def test_processes_give_the_same_report(made: Made, project: Project) -> None:
    made(MANY)
    told: list[tuple[str, int, int]] = []
    suite = run_suite(
        [project.folder / "scenarios"],
        Options(),
        processes=3,
        tell=lambda result, done, of: told.append((result.name, done, of)),
    )
    assert [r.name for r in suite.results] == [f"s{n}" for n in range(8)]
    assert told == [(f"s{n}", n + 1, 8) for n in range(8)]
    assert suite.counts() == {"failed": 3, "passed": 5}
    assert digest(project, 1) == digest(project, 2) == digest(project, 3)


def test_one_digest_over_hash_seeds(made: Made, project: Project) -> None:
    made(MANY + CHAT[len(HEAD) :] + AGENT[len(HEAD) :] + FORK.replace("always", "1"))
    program = (
        "import hashlib, json, sys\n"
        "from agentlab.scenarios.suite import run_suite\n"
        "from agentlab.scenarios.running import Options\n"
        "from agentlab.scenarios.report import as_json\n"
        "suite = run_suite(['scenarios'], Options(record='none'), processes=int(sys.argv[1]))\n"
        "print(hashlib.sha256(json.dumps(as_json(suite)).encode()).hexdigest())\n"
    )
    seen = set()
    for seed, processes in (("0", "1"), ("1", "2"), ("2", "1")):
        run = subprocess.run(
            [sys.executable, "-c", program, processes],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=project.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(run.stdout)
    assert len(seen) == 1


def test_recording_twice_gives_the_same_bytes(made: Made, project: Project) -> None:
    made(AGENT)
    first = project.cassette("a").read_text().splitlines()
    made(AGENT, "all")
    second = project.cassette("a").read_text().splitlines()
    assert first[:-1] == second[:-1]  # the last line has the latencies


def test_two_projects_with_a_module_of_one_name(project: Project, tmp_path: Path) -> None:
    project.write(AGENT)
    other = tmp_path / "other"
    shutil.copytree(project.folder, other)
    assert project.run()["a"].ok
    suite = run_suite([other / "scenarios"], Options(record="all"))
    assert suite.results[0].status == "error"
    assert "another project" in suite.results[0].error
