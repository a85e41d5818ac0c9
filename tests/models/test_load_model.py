"""load_model: every spec, and everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from agentlab.errors import ChecksumError, ConfigError, ModelFileError, UnknownModel
from agentlab.models import context_length, load_model
from agentlab.models.box import BOX_SHA256, find_box_model
from agentlab.models.gguf import GGUFChatModel


@pytest.fixture
def box() -> Path:
    return find_box_model()


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("smolm2", "smollm2"),
        ("SmolLM2", "smollm2"),
        ("ggfu:a.gguf", "gguf:a.gguf"),
        ("openia:gpt-4o-mini", "openai:gpt-4o-mini"),
        ("models/a.gguf", "gguf:models/a.gguf"),
        ("", "smollm2"),
        ("   ", "smollm2"),
        ("gguf:", "gguf:"),
        ("openai:  ", "openai:"),
        ("llama", "smollm2"),
        ("mistral:7b", "openai:"),
    ],
)
def test_unknown_specs(spec: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        load_model(spec)
    assert hint in caught.value.hint


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "qwen2.5-1.5b.gguf").write_bytes(b"GGUF")
    with pytest.raises(UnknownModel) as caught:
        load_model(f"gguf:{tmp_path}/qwen-1.5b.gguf")
    assert "qwen2.5-1.5b.gguf" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>not found", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1", "LFS"),
        (b"", "empty"),
        (b"\0" * 100, "zeros"),
        (b"GGUF", "ends|cut|short"),
    ],
)
def test_not_a_model(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=says):
        load_model(f"gguf:{path}")


def test_a_truncated_file(tmp_path: Path, box: Path) -> None:
    path = tmp_path / "half.gguf"
    with box.open("rb") as file:
        path.write_bytes(file.read(20_000_000))
    with pytest.raises(ModelFileError, match="cut short"):
        load_model(f"gguf:{path}")


@pytest.mark.model
def test_a_file_that_only_llama_cpp_can_refuse(tmp_path: Path, box: Path) -> None:
    path = tmp_path / "changed.gguf"
    path.write_bytes(box.read_bytes().replace(b"llama.block_count", b"llama.blxck_count", 1))
    model = load_model(f"gguf:{path}")
    with pytest.raises(ModelFileError, match=r"llama\.block_count"):
        model.invoke("Hi")


def test_sha256(box: Path) -> None:
    assert isinstance(load_model(f"gguf:{box}", sha256=BOX_SHA256.upper()), GGUFChatModel)
    with pytest.raises(ChecksumError, match=BOX_SHA256):
        load_model(f"gguf:{box}", sha256="0" * 64)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"temprature": 0.5}, "temprature"),
        ({"model_path": "x"}, "model_path"),
        ({"path": "x"}, "path"),
        ({"temperature": 11}, "temperature"),
        ({"seed": 2**32}, "seed"),
        ({"n_ctx": -1}, "n_ctx"),
        ({"n_threads": 0}, "n_threads"),
        ({"stop": ["a", ""]}, "stop"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
def test_wrong_parameters(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_model("smollm2", **params)


def test_the_nearest_parameter_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        load_model("smollm2", temprature=0.5)
    assert "temperature" in caught.value.hint


@pytest.mark.model
def test_a_context_that_cannot_fit() -> None:
    with pytest.raises(Exception, match=r"context of 2000000000 tokens needs .* GB"):
        _ = load_model("smollm2", n_ctx=2_000_000_000).context_length


@pytest.mark.model
def test_without_a_chat_template(tmp_path: Path, box: Path) -> None:
    path = tmp_path / "base.gguf"
    data = box.read_bytes()
    path.write_bytes(data.replace(b"tokenizer.chat_template", b"tokenizer.xhat_template", 1))
    model = load_model(f"gguf:{path}", max_tokens=2, n_ctx=256)
    with pytest.raises(ConfigError, match="no chat template") as caught:
        model.invoke("Hi")
    assert "chatml" in caught.value.hint
    assert load_model(f"gguf:{path}", max_tokens=2, n_ctx=256, chat_template="chatml").invoke("Hi")


@pytest.mark.model
def test_a_chat_template_of_ones_own() -> None:
    given = {"max_tokens": 2, "n_ctx": 256}
    own = load_model("smollm2", chat_template="Q: {{ messages[0].content }}\nA:", **given)
    assert own.render(own._convert_input("Hi").to_messages()) == "Q: Hi\nA:"
    with pytest.raises(ModelFileError, match="chat template"):
        load_model("smollm2", chat_template="{% for %}", **given).invoke("Hi")


def test_a_model_is_returned_as_it_is() -> None:
    fake = FakeListChatModel(responses=["Hi"])
    assert load_model(fake).invoke("x").content == "Hi"
    crossing = load_model(fake)
    assert load_model(crossing) is crossing
    with pytest.raises(ConfigError, match="temperature"):
        load_model(fake, temperature=0)


def test_a_path_is_no_spec(box: Path) -> None:
    with pytest.raises(UnknownModel) as caught:
        load_model(box)  # type: ignore[arg-type]
    assert caught.value.hint == f"for a file, write gguf:{box}"


@pytest.mark.model
def test_the_setting_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_model().spec == "smollm2"  # type: ignore[attr-defined]
    monkeypatch.setenv("AGENTLAB_MODEL", "scripted:nowhere.yaml")
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_model()


@pytest.mark.model
def test_context_length(smollm2: BaseChatModel) -> None:
    assert context_length(smollm2) == 8192
    assert context_length(FakeListChatModel(responses=[])) is None
