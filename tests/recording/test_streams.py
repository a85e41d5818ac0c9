"""Streams come back chunk for chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from agentlab.boundary import recordable
from agentlab.errors import Diverged, RunError, StreamInterrupted
from agentlab.recording import cassette, load
from tests.recording.parts import Fake, ToolStream, model, without_ids


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "id.jsonl"


def dumped(chunks: list[Any]) -> list[dict[str, Any]]:
    return [without_ids(chunk) for chunk in chunks]


def tool_stream() -> Any:
    return recordable(ToolStream(messages=iter([])))


def test_text_chunks(path: Path) -> None:
    text = "Größe 🦙 and\nnew  lines \u2028 done"
    with cassette(path, mode="all"):
        first = list(model(text).stream("x"))
    with cassette(path, mode="none"):
        again = list(model().stream("x"))
    assert len(first) > 5
    assert dumped(again) == dumped(first)


async def test_tool_call_chunks_usage_and_metadata(path: Path) -> None:
    with cassette(path, mode="all"):
        first = list(tool_stream().stream("x"))
    assert len(first) == 7
    with cassette(path, mode="none"):
        again = list(model().stream("x"))
    with cassette(path, mode="none"):
        later = [chunk async for chunk in model().astream("x")]
    assert dumped(again) == dumped(first) == dumped(later)
    assert [c.tool_call_chunks for c in again] == [c.tool_call_chunks for c in first]


def test_a_stream_answers_invoke_as_langchain_would(path: Path) -> None:
    with cassette(path, mode="all"):
        chunks = list(tool_stream().stream("x"))
    whole: BaseMessageChunk = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    with cassette(path, mode="none"):
        answer = model().invoke("x")
    assert answer.tool_calls == [
        {"name": "look_up", "args": {"order": "TEST-1"}, "id": "call_77", "type": "tool_call"}
    ]
    assert answer.content == whole.content
    assert answer.usage_metadata == {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    assert answer.response_metadata["finish_reason"] == "tool_calls"
    assert type(answer).__name__ == "AIMessage"


def test_invoke_answers_a_stream(path: Path) -> None:
    with cassette(path, mode="all"):
        list(tool_stream().stream("x"))
    with cassette(path, mode="new"):
        answer = model().invoke("x")
    plain = path.with_name("plain.jsonl")
    with cassette(plain, mode="all"):
        model(answer).invoke("x")
    with cassette(plain, mode="none"):
        chunks = list(model().stream("x"))
    whole: Any = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert (whole.content, whole.tool_calls) == (answer.content, answer.tool_calls)
    assert whole.usage_metadata == answer.usage_metadata


class Breaks(Fake):
    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="half "))
        raise StreamInterrupted("cut", partial="half ")


class Lists(Fake):
    """Streams content blocks."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for part in ("a", "b"):
            block = {"type": "text", "text": part, "index": 0}
            yield ChatGenerationChunk(message=AIMessageChunk(content=[block]))

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream():
            yield chunk


def test_a_stream_that_breaks_breaks_again_in_the_same_place(path: Path) -> None:
    def run(chat: Any) -> list[str]:
        got = []
        with pytest.raises(StreamInterrupted) as caught:
            for chunk in chat.stream("x"):
                got.append(chunk.content)
        assert caught.value.partial == "half "
        return got

    with cassette(path, mode="all"):
        first = run(recordable(Breaks(messages=iter([]))))
    with cassette(path, mode="none"):
        assert run(model()) == first == ["half "]
    with cassette(path, mode="none"), pytest.raises(StreamInterrupted):
        model().invoke("x")


async def test_streamed_content_blocks(path: Path) -> None:
    with cassette(path, mode="all"):
        first = [c async for c in recordable(Lists(messages=iter([]))).astream("x")]
    with cassette(path, mode="none"):
        assert dumped(list(model().stream("x"))) == dumped(first)


def test_a_stream_closed_early_goes_no_further(path: Path) -> None:
    with cassette(path, mode="all"):
        stream = model("a b c d").stream("x")
        next(stream)
        stream.close()
    assert load(path).steps[0].closed
    with cassette(path, mode="none"):
        stream = model().stream("x")
        assert next(stream).content == "a"
        stream.close()
    with cassette(path, mode="none"), pytest.raises(RunError, match="goes no further"):
        list(model().stream("x"))


def test_a_streamed_request_that_differs_fails_before_the_first_chunk(path: Path) -> None:
    with cassette(path, mode="all"):
        list(model("a b").stream("x"))
    seen = []
    with pytest.raises(Diverged), cassette(path, mode="none"):
        for chunk in model().stream("y"):
            seen.append(chunk)
    assert seen == []


def test_verify_streams_the_recorded_chunks_once(path: Path) -> None:
    with cassette(path, mode="all"):
        first = list(model("a b c").stream("x"))
    with cassette(path, mode="verify"):
        assert dumped(list(model("a b c").stream("x"))) == dumped(first)


def used(read: int, written: int, **details: int) -> dict[str, Any]:
    more = {"input_token_details": details} if details else {}
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written, **more}


class Tells(Fake):
    """Streams a word a chunk, each with what it tells of the tokens."""

    told: list[Any]

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for number, usage in enumerate(self.told):
            message = AIMessageChunk(content=f"{number} ", usage_metadata=usage)
            yield ChatGenerationChunk(message=message)


@pytest.mark.parametrize(
    ("told", "apart"),
    [
        ([None, used(5, 2, cache_read=3)], True),
        ([used(5, 0), None, used(0, 2, cache_read=3)], True),
        ([used(5, 0), None], True),  # closed before its end
        ([used(5, 1), used(0, 1, cache_read=3)], False),
        ([used(5, 0), used(0, 1), used(0, 1, cache_read=3)], False),
        ([used(4, 0, cache_read=3), used(1, 2)], False),
    ],
)
def test_tokens_told_in_several_chunks(path: Path, told: list[Any], apart: bool) -> None:
    with cassette(path, mode="all"):
        first = list(recordable(Tells(messages=iter([]), told=told)).stream("x"))
    with cassette(path, mode="none"):
        again = list(recordable(Tells(messages=iter([]), told=told)).stream("x"))
    assert dumped(again) == dumped(first)
    (step,) = load(path).steps
    parts = [usage for usage in told if usage]
    assert step.usage is not None
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        assert step.usage[name] == sum(usage[name] for usage in parts)
    # What varies with a provider's cache is in the recording's last line alone.
    assert ("cache_read" not in "".join(path.read_text().splitlines()[:-1])) == apart
