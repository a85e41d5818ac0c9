"""What a local model has read, saved and taken up by another process's copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from agentlab.errors import ConfigError, ContextOverflow, CorruptStore
from agentlab.models import load_model

pytestmark = pytest.mark.model
TALK = [
    HumanMessage("Keep the lighthouse in mind. " * 8),
    AIMessage("I keep it in mind."),
    HumanMessage("What is it?"),
]


def test_a_saved_state_needs_no_reading(tmp_path: Path) -> None:
    given = {"temperature": 0, "seed": 7, "max_tokens": 4, "n_ctx": 300}
    model = load_model("smollm2", **given)
    answer = model.invoke(TALK)
    model.save_state(tmp_path / "talk.state", TALK)
    other = load_model("smollm2", **{**given, "n_ctx": 301})  # a context of its own
    read = other.load_state(tmp_path / "talk.state")
    again = other.invoke(TALK)
    assert again.content == answer.content
    assert again.usage_metadata is not None
    assert again.usage_metadata["input_token_details"] == {"cache_read": read}
    assert again.usage_metadata["input_tokens"] == read

    with pytest.raises(CorruptStore, match="another n_batch"):
        load_model("smollm2", **{**given, "n_batch": 32}).load_state(tmp_path / "talk.state")
    loose = load_model("smollm2", **given, deterministic=False)
    with pytest.raises(CorruptStore, match="another deterministic"):
        loose.load_state(tmp_path / "talk.state")


def test_options_of_the_cache_are_checked() -> None:
    with pytest.raises(ConfigError, match="type_k"):
        load_model("smollm2", type_k="q9")
    with pytest.raises(ConfigError, match="kept_mib"):
        load_model("smollm2", kept_mib=-1)
    with pytest.raises(ConfigError, match="can't be deterministic"):
        load_model("smollm2", parallel=2, deterministic=True).invoke("a")


def test_n_answers_of_one_reading() -> None:
    model = load_model("smollm2", temperature=1.0, seed=7, max_tokens=6, n_ctx=300)
    (answers,) = model.generate([TALK], n=3).generations
    texts = [answer.text for answer in answers]
    assert texts[0] == model.invoke(TALK).content
    assert texts[2] == model.invoke(TALK, seed=9).content
    assert len(set(texts)) > 1
    usage = [answer.message.usage_metadata for answer in answers]  # type: ignore[union-attr]
    for later in usage[1:]:
        assert later["input_token_details"]["cache_read"] == later["input_tokens"]
    with pytest.raises(ConfigError, match="one answer"):
        list(model.stream(TALK, n=2))
    with pytest.raises(ConfigError, match="n=0"):
        model.invoke(TALK, n=0)


async def test_n_answers_asynchronously() -> None:
    model = load_model("smollm2", temperature=1.0, seed=7, max_tokens=3, n_ctx=300, n=2)
    (answers,) = (await model.agenerate([TALK])).generations
    assert [answer.text for answer in answers] == [
        answer.text for answer in model.generate([TALK]).generations[0]
    ]


async def test_answers_together_fail_with_the_error_of_one() -> None:
    model = load_model("smollm2", temperature=0, max_tokens=3, n_ctx=256, n=3, parallel=2)
    with pytest.raises(ContextOverflow):
        await model.agenerate([[HumanMessage("word " * 400)]])
    (answers,) = (await model.agenerate([[HumanMessage("Hello")]])).generations
    assert len(answers) == 3
