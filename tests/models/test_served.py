"""A GGUF file behind llama.cpp's own server, in this process."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from agentlab import load_model
from agentlab.errors import ConfigError, UnknownModel
from agentlab.models import served
from agentlab.models.box import find_box_model
from agentlab.recording import cassette

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.model

SHAPE: dict[str, Any] = {"n_ctx": 1024, "parallel": 2, "n_threads": 1}
ASKED = {"temperature": 0, "max_tokens": 8, **SHAPE}


@pytest.fixture(scope="module")
def spec() -> str:
    return f"served:{find_box_model()}"


def test_it_answers_streams_and_tells_its_tokens(spec: str) -> None:
    model = load_model(spec, **ASKED)
    answer = model.invoke("Say hello.")
    assert isinstance(answer, AIMessage)
    assert answer.text.strip()
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] <= 8
    assert "".join(str(chunk.text) for chunk in model.stream("Say hello.")) == answer.text


def test_many_at_once_and_a_schema(spec: str) -> None:
    model = load_model(spec, **ASKED)
    assert all(a.text for a in model.batch(["One?", "Two?", "Three?"]))
    schema = {
        "title": "who",
        "type": "object",
        "properties": {"name": {"enum": ["Anna", "Bert"]}},
        "required": ["name"],
        "additionalProperties": False,
    }
    model = load_model(spec, **{**ASKED, "max_tokens": 40})
    assert model.with_structured_output(schema).invoke("Who?")["name"] in ("Anna", "Bert")


def test_models_of_one_file_and_shape_share_a_server_which_ends_with_the_last(spec: str) -> None:
    one, other = load_model(spec, **ASKED), load_model(spec, **{**ASKED, "temperature": 1})
    assert one.openai_api_base == other.openai_api_base  # type: ignore[attr-defined]
    assert len(served._servers) == 1
    del one
    gc.collect()
    assert len(served._servers) == 1
    del other
    gc.collect()
    assert not served._servers


def test_it_is_recorded_by_its_file_and_replayed_without_it(spec: str, tmp_path: Path) -> None:
    with cassette(tmp_path / "run.jsonl", mode="all"):
        answer = load_model(spec, **ASKED).invoke("Say hello.").text
    gc.collect()
    with cassette(tmp_path / "run.jsonl", mode="none"):
        assert load_model(spec, **ASKED).invoke("Say hello.").text == answer
        assert not served._servers


@pytest.mark.parametrize(
    ("given", "named"),
    [({"parallel": 0}, "parallel"), ({"n_batch": 3}, "n_batch"), ({"base_url": "x"}, "base_url")],
)
def test_wrong_parameters_are_named(spec: str, given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_model(spec, **given)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UnknownModel, match=r"nowhere\.gguf"):
        load_model("served:nowhere.gguf")
