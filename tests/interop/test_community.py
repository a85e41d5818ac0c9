"""langchain-community's classes, the real ones, through our boundary."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from agentlab.boundary import Call, Handler, handling
from agentlab.errors import ConfigError, MissingExtra
from agentlab.interop import community

QUESTION = "What is the capital of France? One word."


class Seen(Handler):
    """Notes each call, and passes it on."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        self.calls.append((call.kind, call.method))
        return proceed()

    async def acall(self, call: Call, proceed: Callable[[], Awaitable[Any]]) -> Any:
        self.calls.append((call.kind, call.method))
        return await proceed()

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        self.calls.append((call.kind, call.method))
        yield from proceed()

    async def astream(
        self, call: Call, proceed: Callable[[], AsyncIterator[Any]]
    ) -> AsyncIterator[Any]:
        self.calls.append((call.kind, call.method))
        async for chunk in proceed():
            yield chunk


class Recorded(Handler):
    """Answers every call in its place: what a replay does."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        return self.answer

    def stream(self, call: Call, proceed: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        yield from self.answer


# -- models -----------------------------------------------------------------------------------


@pytest.mark.model
def test_a_chat_model_answers_through_the_boundary() -> None:
    from agentlab.models.box import find_box_model

    llama = community.import_class("chat_models.ChatLlamaCpp")
    bare = llama(
        model_path=str(find_box_model()), temperature=0, max_tokens=8, n_ctx=256, verbose=False
    )
    model = community.wrap_model(bare)
    assert isinstance(model, llama)

    seen = Seen()
    with handling(seen):
        answer = model.invoke(QUESTION)
        streamed = "".join(str(chunk.content) for chunk in model.stream(QUESTION))
    assert "Paris" in answer.text
    assert streamed == answer.text
    assert seen.calls == [("model", "_generate"), ("model", "_stream")]
    assert community.wrap_model(model) is model


class _Llamafile(BaseHTTPRequestHandler):
    """What a llamafile server says: the words of its answer, whole or as server-sent events."""

    prompts: list[dict[str, Any]]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).prompts.append(request)
        words = ["Paris", " is", " it."]
        if request.get("stream"):
            body = "".join(f"data: {json.dumps({'content': w})}\n" for w in words)
        else:
            body = json.dumps({"content": "".join(words)})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def llamafile() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    prompts: list[dict[str, Any]] = []
    handler = type("Handler", (_Llamafile,), {"prompts": prompts})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", prompts
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_completion_model_becomes_a_chat_model(
    llamafile: tuple[str, list[dict[str, Any]]],
) -> None:
    url, requests = llamafile
    model = community.wrap_model(community.import_class("llms.Llamafile")(base_url=url))
    seen = Seen()
    with handling(seen):
        assert model.invoke(QUESTION, stop=["!"]).text == "Paris is it."
        chunks = [chunk.text for chunk in model.stream(QUESTION) if chunk.text]
        assert (await model.ainvoke(QUESTION)).text == "Paris is it."
        achunks = [chunk.text async for chunk in model.astream(QUESTION) if chunk.text]
    assert chunks == achunks == ["Paris", " is", " it."]
    assert [kind for kind, _ in seen.calls] == ["model"] * 4
    assert [method for _, method in seen.calls] == [
        "_generate",
        "_stream",
        "_agenerate",
        "_astream",
    ]
    assert requests[0]["prompt"] == f"Human: {QUESTION}"
    assert requests[0]["stop"] == ["!"]


# -- vector stores ----------------------------------------------------------------------------


async def test_a_vector_store_is_searched_through_the_boundary() -> None:
    store = community.import_class("vectorstores.USearch").from_texts(  # type: ignore[attr-defined]
        ["apples are red", "the sky is blue", "grass is green"],
        DeterministicFakeEmbedding(size=32),
    )
    retriever = community.wrap_vector_store(store, search_kwargs={"k": 1})
    seen = Seen()
    with handling(seen):
        found = retriever.invoke("the sky is blue")
        afound = await retriever.ainvoke("grass is green")
    assert [d.page_content for d in found + afound] == ["the sky is blue", "grass is green"]
    assert seen.calls == [
        ("retrieve", "_get_relevant_documents"),
        ("retrieve", "_aget_relevant_documents"),
    ]
    with handling(Recorded([Document("from a recording")])):
        assert retriever.invoke("anything")[0].page_content == "from a recording"


# -- loaders ----------------------------------------------------------------------------------


async def test_a_loader_reads_through_the_boundary(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("name,price\napple,3\npear,4\n")
    csv_loader = community.import_class("document_loaders.CSVLoader")
    loader = community.wrap_loader(csv_loader(str(tmp_path / "prices.csv")))
    seen = Seen()
    with handling(seen):
        documents = loader.load()
        adocuments = await loader.aload()
    assert [d.page_content for d in documents] == [
        "name: apple\nprice: 3",
        "name: pear\nprice: 4",
    ]
    assert adocuments == documents
    assert seen.calls == [("retrieve", "lazy_load"), ("retrieve", "alazy_load")]
    assert community.wrap_loader(loader) is loader


def test_a_loader_can_be_answered_from_a_recording(tmp_path: Path) -> None:
    text_loader = community.import_class("document_loaders.TextLoader")
    loader = community.wrap_loader(text_loader(str(tmp_path / "is not there.txt")))
    with handling(Recorded([Document("from a recording")])):
        assert [d.page_content for d in loader.load()] == ["from a recording"]


# -- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", ["wrap_model", "wrap_vector_store", "wrap_loader"])
def test_wrapping_something_else_is_an_error(wrap: str) -> None:
    with pytest.raises(ConfigError, match=r"^expected a LangChain .*, not int$"):
        getattr(community, wrap)(42)


@pytest.mark.parametrize(
    "name",
    ["document_loaders.NoSuchLoader", "no_such_module.Loader", "TextLoader", "", "llms.__all__"],
)
def test_an_unknown_class_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="has no") as caught:
        community.import_class(name)
    assert "document_loaders.CSVLoader" in caught.value.hint


def test_without_the_extra_the_error_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "langchain_community"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hide(), *sys.meta_path])
    with pytest.raises(MissingExtra, match="needs langchain-community") as caught:
        community.import_class("document_loaders.CSVLoader")
    assert "langchain-community" in caught.value.hint


class _Hide:
    def find_spec(self, name: str, *_: Any) -> None:
        if name == "langchain_community":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_its_warning_is_silenced_here_and_only_here() -> None:
    program = (
        "import warnings\n"
        "from agentlab.interop import community\n"
        "community.import_class('document_loaders.TextLoader')\n"
        "print('quiet')\n"
        "warnings.warn('langchain-community is being sunset', DeprecationWarning)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "quiet\n", run.stderr
    assert run.returncode == 1
    assert "DeprecationWarning" in run.stderr
