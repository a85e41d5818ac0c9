"""``agentlab run`` with a prompt, a preset, a chain of thought and a vote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A model that thinks and answers 6, then 7 for ever."""
    file = tmp_path / "script.yaml"
    file.write_text(
        "replies:\n"
        '- say: \'{"thought": "10 - 4", "answer": "6"}\'\n'
        '- {say: \'{"thought": "hm", "answer": "7"}\', repeat: true}\n'
    )
    return f"scripted:{file}"


def test_a_prompt_by_its_name(agentlab: Any, script: str) -> None:
    done = agentlab("run", "reason/question", "10 - 4?", "--model", script)
    assert done.stdout == '{"thought": "10 - 4", "answer": "6"}\n'


def test_a_chain_of_thought_writes_the_answer(agentlab: Any, script: str) -> None:
    done = agentlab("run", "reason/question", "10 - 4?", "--cot", "--model", script)
    assert done.stdout == "6\n"
    events = agentlab("run", "reason/question", "q", "--cot", "--json", "--model", script)
    first = json.loads(events.stdout.splitlines()[0])
    assert first == {"event": "thought", "text": "10 - 4"}


def test_a_vote(agentlab: Any, script: str) -> None:
    args = ("run", "reason/question", "q", "--cot", "--self-consistency", "3", "--model", script)
    assert agentlab(*args).stdout == "7\n"
    answer = json.loads(agentlab(*args, "--json").stdout.splitlines()[-1])["value"]
    assert answer["votes"] == {"7": 2, "6": 1}


def test_a_temperature_that_was_given_is_that_of_the_votes(
    agentlab: Any, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    import agentlab.reasoning as reasoning

    heated: list[Any] = []
    real = reasoning.self_consistency

    def noted(chain: Any, **given: Any) -> Any:
        made = real(chain, **given)
        heated.append(made.model.temperature)
        return made

    monkeypatch.setattr(reasoning, "self_consistency", noted)
    args = ("run", "reason/question", "q", "--cot", "--self-consistency", "2", "--model", script)
    agentlab(*args, "--param", "temperature=0.1")
    agentlab(*args, "--preset", "email")
    agentlab(*args)
    assert heated == [0.1, 0.2, 0.7]


def replies(tmp_path: Path, *said: str) -> str:
    file = tmp_path / "replies.yaml"
    file.write_text("replies:\n" + "".join(f"- {json.dumps({'say': text})}\n" for text in said))
    return f"scripted:{file}"


def test_the_kind_of_answer_and_of_vote(agentlab: Any, tmp_path: Path) -> None:
    thought = '{"thought": "t", "answer": %s}'
    cot = ("run", "reason/question", "q", "--cot", "--model")
    done = agentlab(*cot, replies(tmp_path, thought % "6.0"), "--answer", "number")
    assert done.stdout == "6\n"
    refused = agentlab(*cot, replies(tmp_path, thought % '"maybe"'), "--answer", "yes, no")
    assert "'maybe'" in refused.stderr
    votes = ("run", "reason/question", "q", "--self-consistency", "3", "--json", "--model")
    for vote, counted in (("number", {"5 km": 2}), ("auto", {"5 km": 1, "5 m": 1, "6": 1})):
        model = replies(tmp_path, "5 km", "5 m", "6")
        done = agentlab(*votes, model, "--vote", vote)
        found = json.loads(done.stdout.splitlines()[-1])["value"]["votes"]
        assert found == counted
    chosen = agentlab(*votes, replies(tmp_path, "Yes.", "no", "yes"), "--vote", "choices")
    assert "at least two" in chosen.stderr


def test_an_answer_is_held_to_a_form(agentlab: Any, tmp_path: Path) -> None:
    run = ("run", "reason/question", "q", "--model")
    done = agentlab(*run, replies(tmp_path, "maybe", '{"choice": "no"}'), "--choices", "yes,no")
    assert done.stdout == "no\n"
    assert agentlab(*run, replies(tmp_path, "x", "42"), "--regex", "[0-9]+").stdout == "42\n"
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "required": ["age"]}')
    done = agentlab(*run, replies(tmp_path, "{}", '{"age": 4}'), "--schema", str(schema))
    assert json.loads(done.stdout) == {"age": 4}
    wrong = agentlab(*run, replies(tmp_path, "x"), "--schema", str(tmp_path / "none.json"))
    assert "cannot be read" in wrong.stderr


def test_a_tree_of_thought(agentlab: Any, tmp_path: Path) -> None:
    model = tmp_path / "tree.yaml"
    model.write_text(
        "replies:\n"
        '- {when: {last: Propose}, say: \'{"thoughts": ["halve it"]}\', repeat: true}\n'
        '- {when: {last: Can the problem}, say: \'{"verdict": "sure"}\', repeat: true}\n'
        '- {when: {last: "What is the answer?"}, say: \'{"answer": 3}\'}\n'
    )
    done = agentlab(
        *("run", "reason/question", "Half of 6?", "--tree", "--answer", "number"),
        *("--model", f"scripted:{model}"),
    )
    assert done.stdout == "3\n"
    events = agentlab(
        *("run", "reason/question", "Half of 6?", "--tree", "--answer", "number", "--json"),
        *("--model", f"scripted:{model}"),
    ).stdout.splitlines()
    thought = json.loads(events[0])
    assert (thought["kind"], thought["text"]) == ("thought", "halve it")
    assert json.loads(events[-1])["value"]["answer"] == "3"
    voted = agentlab(
        *("run", "reason/question", "Half of 6?", "--tree", "--answer", "number"),
        *("--self-consistency", "1", "--model", f"scripted:{model}"),
    )
    assert voted.stdout == "3\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--cot", "--tree"), "two ways"),
        (("--answer", "number"), "--answer is of --cot"),
        (("--cot", "--answer", "integer"), "two choices at least, not 'integer'"),
        (("--tree", "--answer", "yes,"), "two choices at least, not 'yes,'"),
        (("--cot", "--regex", "a"), "--cot can't be held to --regex"),
        (("--vote", "number"), "--vote is of --self-consistency"),
        (("--self-consistency", "2", "--vote", "most"), "vote must be"),
        (("--regex", "a", "--choices", "a,b"), "one form"),
    ],
)
def test_options_that_do_not_go_together(
    agentlab: Any, script: str, options: tuple[str, ...], told: str
) -> None:
    done = agentlab("run", "reason/question", "q", "--model", script, *options)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_preset_is_put_on_the_model_and_a_parameter_goes_over_it(
    agentlab: Any, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    import agentlab.models as models

    given: list[dict[str, Any]] = []
    real = models.load_model

    def noted(spec: Any = None, **params: Any) -> Any:
        given.append(params)
        return real(spec, **params)

    monkeypatch.setattr(models, "load_model", noted)
    args = ("run", "reason/question", "q", "--model", script, "--preset", "email")
    agentlab(*args, "--param", "top_p=0.4")
    assert given == [{"temperature": 0.2, "top_p": 0.4}]
    given.clear()
    agentlab("ask", "q", "--model", script, "--preset", "translation", "--prompt", "none")
    assert given[0] == {"temperature": 0.2, "top_p": 0.95}


def test_what_cannot_be(agentlab: Any, script: str) -> None:
    wrong = agentlab("run", "story", "q", "--cot", "--model", script)
    assert wrong.returncode == 2
    assert "story is a chain, and --cot is for a prompt" in wrong.stderr
    assert "no preset 'mail'" in agentlab("run", "story", "q", "--preset", "mail").stderr
    assert "there is no chain 'stroy'" in agentlab("run", "stroy", "q").stderr
    assert "there is no prompt 'reason/nothing'" in agentlab("run", "reason/nothing", "q").stderr
