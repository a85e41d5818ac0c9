"""Every kind crosses, in every way LangChain calls it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import (
    FakeListChatModel,
    GenericFakeChatModel,
    ParrotFakeChatModel,
)
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import BaseTool, StructuredTool, tool
from pydantic import ValidationError

from agentlab import clock
from agentlab.boundary import Call, Handler, Reranker, enclosing, handling, recordable
from agentlab.cancellation import cancellable
from agentlab.errors import TurnCancelled


class Log(Handler):
    """What crossed: (how, kind, method), and the calls themselves."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.calls: list[Call] = []

    def _note(self, how: str, call: Call) -> None:
        self.seen.append((how, call.kind, call.method))
        self.calls.append(call)

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        self._note("call", call)
        return proceed()

    async def acall(self, call: Call, proceed: Callable[[], Awaitable[Any]]) -> Any:
        self._note("acall", call)
        return await proceed()

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        self._note("stream", call)
        yield from proceed()

    async def astream(
        self, call: Call, proceed: Callable[[], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        self._note("astream", call)
        async for chunk in proceed():
            yield chunk


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    with handling(log):
        yield log


def fake(*answers: str) -> BaseChatModel:
    return recordable(GenericFakeChatModel(messages=iter(answers or ["one two"] * 20)))


def test_a_model_crosses_once_however_it_is_called(log: Log) -> None:
    model = fake()
    model.invoke("x")
    list(model.stream("x"))  # this fake streams through its own _generate
    model.batch(["a", "b"])
    expected = [
        ("call", "model", "_generate"),
        ("stream", "model", "_stream"),
        ("call", "model", "_generate"),
        ("call", "model", "_generate"),
    ]
    assert log.seen == expected


async def test_a_model_crosses_once_in_async(log: Log) -> None:
    model = fake()
    await model.ainvoke("x")
    chunks = [c.content async for c in model.astream("x")]
    assert chunks[0] == "one"
    await model.abatch(["a", "b"])
    assert log.seen[:2] == [("acall", "model", "_agenerate"), ("astream", "model", "_astream")]
    assert log.seen[2:] == [("acall", "model", "_agenerate")] * 2


async def test_own_async_methods_cross(log: Log) -> None:
    model = recordable(FakeListChatModel(responses=["ab"]))
    assert "".join([str(c.content) async for c in model.astream("x")]) == "ab"
    assert log.seen == [("astream", "model", "_astream")]


def test_a_model_without_streaming_does_not_seem_to_have_it(log: Log) -> None:
    model = recordable(ParrotFakeChatModel())
    assert [c.content for c in model.stream("polly")] == ["polly"]
    assert log.seen == [("call", "model", "_generate")]


async def test_a_model_without_streaming_does_not_seem_to_have_it_in_async(log: Log) -> None:
    model = recordable(ParrotFakeChatModel())
    assert [c.content async for c in model.astream("polly")] == ["polly"]
    assert log.seen == [("acall", "model", "_agenerate")]


def test_bound_and_copied_models_still_cross(log: Log) -> None:
    model = fake()
    bound = model.bind(stop=["x"])
    assert bound.invoke("a").content == "one two"
    assert model.model_copy(update={"name": "other"}).invoke("a").content == "one two"
    assert len(log.seen) == 2
    assert log.calls[0].arguments["stop"] == ["x"]
    assert [m.content for m in log.calls[0].arguments["messages"]] == ["a"]
    assert "run_manager" not in log.calls[0].arguments


def test_recordable_makes_the_parts_of_a_runnable_cross(log: Log) -> None:
    prompt = ChatPromptTemplate.from_template("{x}")
    raw = GenericFakeChatModel(messages=iter(["one two"] * 9))
    chain = prompt | raw.bind(stop=["."]).with_retry() | RunnableLambda(lambda m: m.content)
    assert recordable(chain).invoke({"x": "1"}) == "one two"
    both = RunnableParallel(a=prompt | raw, b=(prompt | raw).with_fallbacks([prompt | raw]))
    assert set(recordable(both).invoke({"x": "1"})) == {"a", "b"}
    assert len(log.seen) == 3
    chain.invoke({"x": "1"})
    assert len(log.seen) == 3, "the chain it was made of still does not cross"


def test_recordable_is_idempotent_and_keeps_the_class() -> None:
    raw = GenericFakeChatModel(messages=iter([]))
    model = recordable(raw)
    assert recordable(model) is model
    assert isinstance(model, GenericFakeChatModel)
    assert type(model).__name__ == "GenericFakeChatModel"
    prompt = ChatPromptTemplate.from_template("{x}")
    assert recordable(prompt) is prompt
    with pytest.raises(TypeError, match="int does not cross"):
        recordable(3)


def test_the_class_can_still_make_validate_and_write_objects(log: Log) -> None:
    kind = type(recordable(FakeListChatModel(responses=["a"])))
    made = kind(responses=["one"])
    assert made.invoke("x").content == "one"
    assert log.seen == [("call", "model", "_generate")]
    assert made.model_dump()["responses"] == ["one"]
    assert kind.model_validate({"responses": ["two"]}).responses == ["two"]
    with pytest.raises(ValidationError, match="responses"):
        kind(responses=3)


@tool
def add(a: int, b: int) -> str:
    """Add."""
    return str(a + b)


@tool
async def slow_add(a: int, b: int) -> str:
    """Add, later."""
    await asyncio.sleep(0)
    return str(a + b)


class Handmade(BaseTool):
    name: str = "handmade"
    description: str = "A tool with no async method of its own."

    def _run(self, text: str, run_manager: Any = None) -> str:
        assert run_manager is not None
        return text.upper()


def test_tools_cross(log: Log) -> None:
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1", "type": "tool_call"}
    message = recordable(add).invoke(call)
    assert (message.content, message.tool_call_id) == ("3", "call_1")
    assert recordable(Handmade()).invoke({"text": "x"}) == "X"
    assert log.seen == [("call", "tool", "_run")] * 2
    assert dict(log.calls[0].arguments) == {"a": 1, "b": 2}


async def test_tools_cross_in_async(log: Log) -> None:
    assert await recordable(slow_add).ainvoke({"a": 1, "b": 2}) == "3"
    assert await recordable(add).ainvoke({"a": 1, "b": 2}) == "3"
    assert await recordable(Handmade()).ainvoke({"text": "x"}) == "X"
    assert [kind for _, kind, _ in log.seen] == ["tool"] * 3


def test_a_tool_with_an_artifact_keeps_it(log: Log) -> None:
    def look(topic: str) -> tuple[str, list[int]]:
        return topic, [1, 2]

    made = StructuredTool.from_function(
        look, name="look", description="Look.", response_format="content_and_artifact"
    )
    call = {"name": "look", "args": {"topic": "t"}, "id": "c", "type": "tool_call"}
    message = recordable(made).invoke(call)
    assert (message.content, message.artifact) == ("t", [1, 2])
    assert log.seen == [("call", "tool", "_run")]


class Fixed(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(page_content=query)]


async def test_retrievers_and_embeddings_cross(log: Log) -> None:
    retriever = recordable(Fixed())
    assert retriever.invoke("q")[0].page_content == "q"
    assert (await retriever.ainvoke("q"))[0].page_content == "q"
    embeddings = recordable(DeterministicFakeEmbedding(size=4))
    vector = embeddings.embed_query("x")
    assert await embeddings.aembed_query("x") == vector
    assert embeddings.embed_documents(["x"]) == await embeddings.aembed_documents(["x"])
    assert log.seen == [
        ("call", "retrieve", "_get_relevant_documents"),
        ("acall", "retrieve", "_aget_relevant_documents"),
        ("call", "embed", "embed_query"),
        ("acall", "embed", "aembed_query"),
        ("call", "embed", "embed_documents"),
        ("acall", "embed", "aembed_documents"),
    ]


class Lengths(BaseCrossEncoder):
    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        return [float(len(b)) for _, b in text_pairs]


class FirstOnly(BaseDocumentCompressor):
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Any = None
    ) -> Sequence[Document]:
        return documents[:1]


class Plain:
    """A reranker of no LangChain class."""

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        return [float(len(text)) for text in texts]


def test_rerankers_cross(log: Log) -> None:
    assert recordable(Lengths()).score([("q", "abc")]) == [3.0]
    assert recordable(FirstOnly()).compress_documents([Document("a"), Document("b")], "q")
    plain = recordable(Plain())
    assert isinstance(plain, Reranker)
    assert plain.rerank("q", ["ab"]) == [2.0]
    assert [kind for _, kind, _ in log.seen] == ["rerank"] * 3


async def test_the_clock_crosses(log: Log) -> None:
    assert clock.now().tzinfo is not None
    assert isinstance(clock.uuid4(), uuid.UUID)
    assert 0 <= clock.random() < 1
    assert clock.monotonic() <= clock.monotonic()
    clock.sleep(0)
    await clock.asleep(0)
    assert [m for _, _, m in log.seen] == [
        "now", "uuid4", "random", "monotonic", "monotonic", "sleep", "sleep",
    ]  # fmt: skip
    assert {kind for _, kind, _ in log.seen} == {"clock"}


def test_calls_inside_a_call_know_it() -> None:
    depths: list[int] = []

    class Depth(Log):
        def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
            depths.append(len(enclosing()))
            return super().call(call, proceed)

    model = fake()

    @tool
    def ask(text: str) -> str:
        """Ask a model."""
        return str(model.invoke(text).content)

    with handling(Depth()):
        assert recordable(ask).invoke({"text": "hi"}) == "one two"
        stream = model.stream("x")
        next(stream)
        assert enclosing() == (), "the reader of a stream is not inside of it"
        stream.close()
    assert depths == [0, 1]


def test_handlers_nest_outermost_first() -> None:
    order: list[str] = []

    class Named(Handler):
        def __init__(self, name: str) -> None:
            self.name = name

        def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
            order.append(self.name)
            return proceed()

    with handling(Named("a"), Named("b")), handling(Named("c")):
        fake().invoke("x")
    assert order == ["a", "b", "c"]


def test_a_stream_closed_early_closes_what_it_reads() -> None:
    closed: list[bool] = []

    class Slow(GenericFakeChatModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from super()._stream(*args, **kwargs)
            finally:
                closed.append(True)

    stream = recordable(Slow(messages=iter(["a b c d"]))).stream("x")
    with handling(Log()):
        next(stream)
        stream.close()
    assert closed == [True]


def test_cancel_is_seen_at_the_next_chunk() -> None:
    with cancellable() as scope:
        stream = fake("a b c d").stream("x")
        next(stream)
        scope.cancel()
        with pytest.raises(TurnCancelled):
            list(stream)
