"""langchain-community's models, vector stores and loaders, through our boundary.

The package is sunset: nothing else here depends on it, and importing it warns. What it holds and
nobody ported yet can still be used, watched, recorded and replayed::

    from agentlab.interop import community

    Loader = community.import_class("document_loaders.CSVLoader")
    documents = community.wrap_loader(Loader("prices.csv")).load()

The wrappers take any LangChain object of their kind, wherever it was imported from.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore

from agentlab.boundary import Call, across_stream, cross_stream, recordable
from agentlab.errors import ConfigError, MissingExtra

__all__ = ["import_class", "wrap_loader", "wrap_model", "wrap_vector_store"]

_PACKAGE = "langchain_community"


def import_class(name: str) -> type:
    """A class of langchain-community, without the warning that its package is sunset.

    Args:
        name: the path below ``langchain_community``, such as ``"vectorstores.USearch"``.

    Raises:
        MissingExtra: langchain-community, or what the class itself needs, is not installed.
        ConfigError: it has no such class.
    """
    path, _, attribute = name.removeprefix(f"{_PACKAGE}.").rpartition(".")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*being sunset.*", DeprecationWarning)
            module = importlib.import_module(f"{_PACKAGE}.{path}".rstrip("."))
            found = getattr(module, attribute, None)
    except ModuleNotFoundError as error:
        raise _not_importable(name, error) from error
    if not isinstance(found, type):
        raise ConfigError(
            f"{_PACKAGE} has no class {name!r}",
            hint='name it by its path, such as "document_loaders.CSVLoader"',
        )
    return found


def wrap_model(model: BaseChatModel | BaseLLM) -> BaseChatModel:
    """``model`` as a chat model whose calls cross the boundary.

    A completion model (``BaseLLM``) is given the messages as lines of text, ``Human: …``: it has no
    chat template.

    Raises:
        ConfigError: ``model`` is not a LangChain model.
    """
    if isinstance(model, BaseChatModel):
        return recordable(model)
    if isinstance(model, BaseLLM):
        return recordable(CompletionChatModel(llm=model))
    raise _wrong(model, "a LangChain chat model or LLM")


def wrap_vector_store(store: VectorStore, **options: Any) -> BaseRetriever:
    """A retriever over ``store`` whose searches cross the boundary.

    Args:
        store: the vector store.
        options: as for ``store.as_retriever``: ``search_type``, ``search_kwargs={"k": 4}``.

    Raises:
        ConfigError: ``store`` is not a LangChain vector store.
    """
    if not isinstance(store, VectorStore):
        raise _wrong(store, "a LangChain vector store")
    return recordable(store.as_retriever(**options))


def wrap_loader(loader: BaseLoader) -> BaseLoader:
    """``loader``, whose reading crosses the boundary as one streamed ``retrieve`` call.

    Raises:
        ConfigError: ``loader`` is not a LangChain document loader.
    """
    if not isinstance(loader, BaseLoader):
        raise _wrong(loader, "a LangChain document loader")
    return loader if isinstance(loader, _CrossingLoader) else _CrossingLoader(loader)


class _CrossingLoader(BaseLoader):
    # load, aload and load_and_split are built on these two by the base class.
    def __init__(self, loader: BaseLoader) -> None:
        self.loader = loader

    def lazy_load(self) -> Iterator[Document]:
        call = Call("retrieve", self.loader, "lazy_load", {})
        return cross_stream(call, self.loader.lazy_load)

    async def alazy_load(self) -> AsyncIterator[Document]:
        call = Call("retrieve", self.loader, "alazy_load", {})
        async for document in across_stream(call, self.loader.alazy_load):
            yield document


class CompletionChatModel(BaseChatModel):
    """A completion model as a chat model; see :func:`wrap_model`."""

    llm: BaseLLM

    @property
    def _llm_type(self) -> str:
        return f"completion-{self.llm._llm_type}"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return dict(self.llm._identifying_params)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(self.llm.invoke(messages, stop=stop, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(await self.llm.ainvoke(messages, stop=stop, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for text in self.llm.stream(messages, stop=stop, **kwargs):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
            if run_manager:
                run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for text in self.llm.astream(messages, stop=stop, **kwargs):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=text))
            if run_manager:
                await run_manager.on_llm_new_token(text, chunk=chunk)
            yield chunk


def _result(text: str) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=AIMessage(content=text))])


def _wrong(value: object, expected: str) -> ConfigError:
    return ConfigError(f"expected {expected}, not {type(value).__name__}")


def _not_importable(name: str, error: ModuleNotFoundError) -> ConfigError:
    missing = error.name or ""
    if missing == _PACKAGE:
        return MissingExtra(
            f"{name!r} needs langchain-community, which is not installed",
            hint="pip install 'langchain-community>=0.4,<0.5' (`make install` brings it)",
        )
    if missing.startswith(f"{_PACKAGE}."):
        return ConfigError(
            f"{_PACKAGE} has no module {missing.removeprefix(f'{_PACKAGE}.')!r}",
            hint='name a class by its path, such as "document_loaders.CSVLoader"',
        )
    return MissingExtra(
        f"{name!r} needs the module {missing!r}, which is not installed",
        hint=f"install the package that provides {missing!r}",
    )
