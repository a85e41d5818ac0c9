"""Recordings of the model in the box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from agentlab.errors import Diverged
from agentlab.memory import TokenMemory
from agentlab.models import load_model
from agentlab.recording import cassette, load, model_likelihood
from agentlab.session import Session

pytestmark = pytest.mark.model

FIELDS: dict[str, Any] = {"temperature": 0, "seed": 7, "max_tokens": 8}


def ask(chat: BaseChatModel, system: str = "Answer in one word.") -> Any:
    return chat.invoke([SystemMessage(system), HumanMessage("What is the capital of France?")])


def test_record_replay_verify_and_drift(smollm2: BaseChatModel, tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    chat = smollm2.model_copy(update=FIELDS)
    with cassette(path, mode="all"):
        first = ask(chat)
        chunks = [c.content for c in chat.stream("Say hello.")]
    recorded = path.read_bytes()
    assert b"timings" not in recorded
    with cassette(path, mode="all"):
        ask(chat)
        list(chat.stream("Say hello."))
    *lines, last = path.read_bytes().splitlines()
    *before, last_before = recorded.splitlines()
    assert lines[1:] == before[1:], "only the times are others"
    assert b'"ms"' in last
    assert last != last_before
    step = load(path).steps[0]
    assert step.target == "smollm2"
    assert {"sha256", "chat_template", "provider"} <= set(step.request.identity)
    assert step.request.parts["sampler"]["temperature"] == 0

    with cassette(path, mode="none"):
        fresh = load_model("smollm2", **FIELDS)
        again = ask(fresh)
        assert [c.content for c in fresh.stream("Say hello.")] == chunks
    timings = first.response_metadata.pop("timings")
    assert timings["completion_seconds"] > 0
    assert again.model_dump(exclude={"id"}) == first.model_dump(exclude={"id"})

    with cassette(path, mode="verify") as tape:
        ask(chat)
        list(chat.stream("Say hello."))
    assert tape.mismatches == []

    with pytest.raises(Diverged) as caught:
        with cassette(path, mode="none", likelihood=model_likelihood):
            ask(chat, "Answer in a word.")
    drift: Any = caught.value.drift
    assert (drift.step, drift.what) == (1, "prompt edited")
    assert 0 <= drift.likelihood.agree <= 1
    assert drift.likelihood.mean < 0
    assert (drift.likelihood.first is None) == (drift.likelihood.agree == 1)


def test_a_drift_says_which_token_becomes_which(smollm2: BaseChatModel, tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    chat = smollm2.model_copy(update=FIELDS)
    with cassette(path, mode="all"):
        answer = ask(chat).text
    with pytest.raises(Diverged) as caught:
        with cassette(path, mode="none", likelihood=model_likelihood):
            chat.invoke("Count from 1 to 9.")
    drift: Any = caught.value.drift
    was, becomes = drift.likelihood.first
    assert was in answer
    assert was != becomes
    assert f"another answer is expected: {was!r} becomes {becomes!r}" in str(drift)
    assert drift.as_dict()["likelihood"]["first"] == [was, becomes]


def test_other_settings_are_another_request(smollm2: BaseChatModel, tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with cassette(path, mode="all"):
        ask(smollm2.model_copy(update=FIELDS))
    with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
        ask(smollm2.model_copy(update={**FIELDS, "seed": 8}))
    assert caught.value.drift.changes[0].where == "seed"  # type: ignore[attr-defined]
    with cassette(path, mode="none"):
        ask(smollm2.model_copy(update={**FIELDS, "n_threads": 1, "n_batch": 64}))


@pytest.mark.parametrize("limit", [{"max_tokens": 60}, {"fraction": 0.01}])
def test_a_memory_that_counts_tokens_replays(
    smollm2: BaseChatModel, tmp_path: Path, limit: dict[str, Any]
) -> None:
    """Its counts are kept: replay has no tokenizer, and four characters a token would be others."""
    path = tmp_path / "f.jsonl"

    def talk(said: tuple[str, ...] = ("Hi, I am Ada.", "What is 1 + 1?", "Who am I?")) -> list[str]:
        chat = load_model("smollm2", **FIELDS)
        session = Session(chat, TokenMemory(model=chat, **limit))
        return [session.send(text).text for text in said]

    with cassette(path, mode="all"):
        answers = talk()
    counts = load(path).meta["counts"]
    assert len(counts) >= 2
    with cassette(path, mode="none") as tape:
        assert talk() == answers
    assert tape.live_calls == 0
    assert load(path).meta["counts"] == counts
    with pytest.raises(Diverged), cassette(path, mode="none"):
        talk(("Hi, I am Ada.", "What is 1 + 2?"))
