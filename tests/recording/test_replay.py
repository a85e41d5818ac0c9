"""What was recorded comes back: answers, tool calls, errors, every kind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import InjectedToolCallId, StructuredTool, ToolException, tool

from agentlab import clock
from agentlab.boundary import recordable
from agentlab.errors import (
    Diverged,
    NotRecordable,
    RateLimited,
    RecordedError,
    StoreError,
    StreamInterrupted,
)
from agentlab.recording import cassette, load
from tests.recording.parts import Fake, model, support, support_answers, without_ids


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "file" / "id.jsonl"


def test_an_agent_replays_byte_for_byte(path: Path) -> None:
    with cassette(path, mode="all") as tape:
        first = support(model(*support_answers()))
    assert (tape.live_calls, tape.replayed_calls) == (6, 0)
    with cassette(path, mode="none") as tape:
        again = support(model())
    assert (tape.live_calls, tape.replayed_calls) == (0, 6)
    assert [json.dumps(without_ids(m)) for m in again] == [
        json.dumps(without_ids(m)) for m in first
    ]
    assert [o.status for o in tape.outcomes()] == ["passed"] * 6
    assert [o.kind for o in tape.outcomes()] == [
        "retrieve", "model", "tool", "model", "tool", "model",
    ]  # fmt: skip


def test_message_ids_are_fresh(path: Path) -> None:
    with cassette(path, mode="all"):
        first = support(model(*support_answers()))
    with cassette(path, mode="none"):
        one = support(model())
    with cassette(path, mode="none"):
        two = support(model())
    ids = [m.id for history in (first, one, two) for m in history if isinstance(m, AIMessage)]
    assert len(set(ids)) == len(ids) == 9
    assert None not in ids
    assert "lc_run" not in path.read_text()


def test_order_of_arguments_survives(path: Path) -> None:
    call = {"name": "f", "args": {"z": 1, "a": {"y": 2, "b": 3}}, "id": "x"}
    swapped = {"name": "f", "args": {"a": {"b": 3, "y": 2}, "z": 1}, "id": "y"}
    answers = [AIMessage("", tool_calls=[c]) for c in (call, swapped)]
    with cassette(path, mode="all"):
        chat = model(*answers)
        first = [chat.invoke("1"), chat.invoke("2")]
    with cassette(path, mode="none"):
        again = [model().invoke("1"), model().invoke("2")]
    assert [json.dumps(m.tool_calls) for m in first] == [json.dumps(m.tool_calls) for m in again]


def test_content_blocks_and_metadata_survive(path: Path) -> None:
    answer = AIMessage(
        [{"type": "text", "text": "A\nB", "id": "lc_1"}, {"type": "reasoning", "reasoning": "…"}],
        name="bot",
        additional_kwargs={"refusal": None, "n": [1, 2.5]},
        response_metadata={"logprobs": [-0.5, float("-inf")], "model": "m\ud800"},
        usage_metadata={
            "input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
            "input_token_details": {"cache_read": 1},
        },
    )  # fmt: skip
    with cassette(path, mode="all"):
        first = model(answer).invoke("x")
    with cassette(path, mode="none"):
        again = model().invoke("x")
    assert without_ids(again) == without_ids(first)


async def test_every_way_of_calling_replays_a_recording_of_another(path: Path) -> None:
    with cassette(path, mode="all"):
        first = model("one two three").invoke("x")
    with cassette(path, mode="none"):
        assert without_ids(await model().ainvoke("x")) == without_ids(first)
    with cassette(path, mode="none"):
        assert [m.content for m in model().batch(["x"])] == ["one two three"]
    with cassette(path, mode="none"):
        assert "".join([str(c.content) async for c in model().astream("x")]) == "one two three"


async def test_tools_retrievers_embeddings_and_clock_replay(path: Path) -> None:
    class Once(DeterministicFakeEmbedding):
        def embed_query(self, text: str) -> list[float]:
            values.append(text)
            return [x / 3 for x in super().embed_query(text)]

    values: list[str] = []

    async def run() -> list[Any]:
        embeddings = recordable(Once(size=32))
        return [
            embeddings.embed_query("a"),
            embeddings.embed_documents(["a", "b"]),
            await embeddings.aembed_query("b"),
            clock.now(),
            clock.uuid4(),
            clock.random(),
        ]

    with cassette(path, mode="all"):
        first = await run()
    made = len(values)
    with cassette(path, mode="none"):
        assert await run() == first
    assert len(values) == made


def test_artifacts_documents_and_odd_values_replay(path: Path) -> None:
    def look(topic: str) -> tuple[str, dict[str, Any]]:
        ran.append(topic)
        found = [Document(page_content="x", metadata={"a": (1, 2)}, id="d")]
        return topic, {"found": found, "raw": b"\x00\xff", "$text": "mine", 3: {"$": 1}}

    ran: list[str] = []
    made = recordable(
        StructuredTool.from_function(
            look, name="look", description="Look.", response_format="content_and_artifact"
        )
    )
    call = {"name": "look", "args": {"topic": "t"}, "id": "c", "type": "tool_call"}
    with cassette(path, mode="all"):
        first = made.invoke(call)
    with cassette(path, mode="none"):
        again = made.invoke({**call, "id": "another"})
    assert again.artifact == first.artifact
    assert type(again.artifact["found"][0].metadata["a"]) is tuple
    assert ran == ["t"]


def test_a_tool_that_returns_an_object_is_refused(path: Path) -> None:
    @tool
    def odd() -> Any:
        """Return something that is not data."""
        return object()

    with pytest.raises(NotRecordable, match="tool odd holds a builtins.object"):
        with cassette(path, mode="all"):
            recordable(odd).invoke({})
    assert not path.exists()


def test_injected_call_ids_are_no_input(path: Path) -> None:
    @tool
    def who(text: str, call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Say the call's id."""
        return f"{text} {call_id}"

    def run(id: str) -> Any:
        call = {"name": "who", "args": {"text": "t"}, "id": id, "type": "tool_call"}
        return recordable(who).invoke(call).content

    with cassette(path, mode="all"):
        assert run("call_1") == "t call_1"
    with cassette(path, mode="none"):
        assert run("call_2") == "t call_1"


class Broken(Fake):
    error: Any = None

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        yield from Fake(messages=iter(["one two"]))._stream([])
        raise self.error


class ProviderGone(Exception):
    """A provider's own error, with an __init__ that nobody can guess."""

    def __init__(self, *, response: object) -> None:
        super().__init__("gone")
        self.response = response
        self.code = 502


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("too many", status=429, retry_after=2.5, hint="wait"),
        StreamInterrupted("cut", partial="one "),
        ValueError("bad", 3),
        ToolException("no"),
        ProviderGone(response=object()),
    ],
)
def test_errors_come_again_with_their_type_and_fields(path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), cassette(path, mode="all"):
        recordable(Broken(messages=iter([]), error=error)).invoke("x")
    assert path.exists(), "an error of a call belongs to the run"
    with pytest.raises(type(error)) as caught, cassette(path, mode="none"):
        model().invoke("x")
    expected = {k: v for k, v in vars(error).items() if not k.startswith("_") and k != "response"}
    found = {k: v for k, v in vars(caught.value).items() if not k.startswith("_")}
    assert found == expected
    assert caught.value.args == error.args


def test_an_error_of_a_type_that_is_not_loaded_names_it(path: Path) -> None:
    with pytest.raises(ValueError, match="bad"), cassette(path, mode="all"):
        recordable(Broken(messages=iter([]), error=ValueError("bad"))).invoke("x")
    path.write_text(path.read_text().replace("builtins:ValueError", "nowhere.sdk:Odd"))
    with pytest.raises(RecordedError, match="bad") as caught, cassette(path, mode="none"):
        model().invoke("x")
    assert caught.value.original == "nowhere.sdk.Odd"


def test_a_recorded_error_type_cannot_name_other_things(path: Path) -> None:
    for name in ("os:system", "builtins:SystemExit", "subprocess:Popen", "builtins:eval", ":"):
        with pytest.raises(ValueError, match="bad"), cassette(path, mode="all"):
            recordable(Broken(messages=iter([]), error=ValueError("bad"))).invoke("x")
        path.write_text(path.read_text().replace("builtins:ValueError", name))
        with pytest.raises(RecordedError), cassette(path, mode="none"):
            model().invoke("x")


def test_calls_inside_a_recorded_call_belong_to_it(path: Path) -> None:
    inner = model("inside")

    @tool
    def ask(text: str) -> str:
        """Ask a model."""
        return str(inner.invoke(text).content)

    with cassette(path, mode="all"):
        assert recordable(ask).invoke({"text": "hi"}) == "inside"
    assert [step.kind for step in load(path).steps] == ["tool"]
    with cassette(path, mode="none"):
        assert recordable(ask).invoke({"text": "hi"}) == "inside"


def test_live_tools_run_and_what_they_ask_is_recorded(path: Path) -> None:
    ran: list[str] = []
    inner = [model("inside"), model()]

    @tool
    def ask(text: str) -> str:
        """Ask a model."""
        ran.append(text)
        return str(inner[len(ran) - 1].invoke(text).content)

    for mode in ("all", "none"):
        with cassette(path, mode=mode, live_tools={"ask"}):  # type: ignore[arg-type]
            assert recordable(ask).invoke({"text": "hi"}) == "inside"
    assert ran == ["hi", "hi"]
    assert [step.kind for step in load(path).steps] == ["model"]


def test_the_same_request_twice_gives_the_answers_in_order(path: Path) -> None:
    with cassette(path, mode="all"):
        chat = model("a", "b")
        chat.invoke("x"), chat.invoke("x")
    with cassette(path, mode="none"):
        assert [model().invoke("x").content for _ in range(2)] == ["a", "b"]


def test_replay_needs_a_recording(path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read the recording"), cassette(path, mode="none"):
        pass


def test_usage_and_latency_are_those_of_the_recording(path: Path) -> None:
    with cassette(path, mode="all"):
        support(model(*support_answers()))
    with cassette(path, mode="none") as tape:
        start = clock.monotonic()
        support(model())
        clock.sleep(3600)
        asyncio.run(clock.asleep(3600))
        assert clock.monotonic() - start == pytest.approx(7200, abs=60)
    used = [o.usage for o in tape.outcomes() if o.usage]
    assert [u["total_tokens"] for u in used] == [15, 15]


def test_replay_loads_no_model_library(path: Path) -> None:
    with cassette(path, mode="all"):
        model("hello").invoke([HumanMessage("x")])
    script = f"""
import sys
from agentlab.boundary import recordable
from agentlab.recording import cassette
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
class Fake(GenericFakeChatModel):
    model_name: str = "fake-1"
    temperature: float = 0.0
    seed: int = 7
with cassette({str(path)!r}, mode="none"):
    assert recordable(Fake(messages=iter([]))).invoke("x").content == "hello"
loaded = {{"llama_cpp", "openai", "torch", "langchain_openai"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_wrong_call_names_the_step(path: Path) -> None:
    with cassette(path, mode="all"):
        support(model(*support_answers()))
    with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
        support(model(), system="Be rude.")
    drift: Any = caught.value.drift
    assert (drift.step, drift.of, drift.what, drift.stale) == (2, 6, "prompt edited", 4)


def test_recorded_messages_are_not_searched_for_secrets_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are known as they are, so a secret that came to be one since is no drift."""
    question = "Is order Zq81-xK47-mN02 refunded?"
    with cassette(path, mode="all"):
        model("No.").invoke(question)
    monkeypatch.setenv("SHOP_TOKEN", "Zq81-xK47-mN02")
    with cassette(path, mode="none"):
        assert model().invoke(question).content == "No."
    with pytest.raises(Diverged):
        with cassette(path, mode="none"):
            model().invoke(f"{question} ")
