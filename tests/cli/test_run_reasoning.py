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
