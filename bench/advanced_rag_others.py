"""The same questions by other libraries, on the same model and retriever.

They are not installed with AgentLab: ``--others`` names folders that hold them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from agentlab.rag.techniques.evidence import interleaved

_FIRST = 2  # documents of a sub-question that LlamaIndex's model reads: its default


class Recorded(BaseRetriever):
    """A retriever that keeps what it was asked and what it found."""

    inner: Any
    searches: list[tuple[str, list[Document]]] = Field(default_factory=list)

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        found: list[Document] = self.inner.invoke(query)
        self.searches.append((query, found))
        return found


def finder(
    way: str, model: Any, retriever: Any
) -> Callable[[str, Any], tuple[list[Document], str]]:
    """What searches: of the question and a config, the documents and a note.

    ``langchain``: its MultiQueryRetriever, whose result is a union in the order of the queries;
    ``langchain-interleaved``: the same, each query's first, then each one's second, ….
    ``llamaindex``: its SubQuestionQueryEngine; what each sub-question found, interleaved.
    """
    if way in ("langchain", "langchain-interleaved"):
        return _langchain(model, retriever, is_interleaved=way != "langchain")
    if way == "llamaindex":
        return _llamaindex(model, retriever)
    raise SystemExit(f"there is no way {way!r}")


def _langchain(model: Any, retriever: Any, *, is_interleaved: bool) -> Any:
    from langchain_classic.retrievers.multi_query import MultiQueryRetriever

    def find(question: str, config: Any) -> tuple[list[Document], str]:
        recorded = Recorded(inner=retriever)
        made = MultiQueryRetriever.from_llm(retriever=recorded, llm=model, include_original=True)
        found = made.invoke(question, config)
        if is_interleaved:
            found = interleaved([documents for _, documents in recorded.searches])
        return found, "\n".join(query for query, _ in recorded.searches)

    return find


def _llamaindex(model: Any, retriever: Any) -> Any:
    from llama_index.core.base.llms.types import CompletionResponse, LLMMetadata
    from llama_index.core.llms import CustomLLM
    from llama_index.core.query_engine import RetrieverQueryEngine, SubQuestionQueryEngine
    from llama_index.core.question_gen import LLMQuestionGenerator
    from llama_index.core.response_synthesizers import get_response_synthesizer
    from llama_index.core.retrievers import BaseRetriever as Retriever
    from llama_index.core.schema import NodeWithScore, TextNode
    from llama_index.core.tools import QueryEngineTool

    class Model(CustomLLM):
        """The same chat model; what is not text is left to the library."""

        config: Any = None

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(context_window=4096, num_output=256, model_name="shared")

        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            bound = model.bind(max_tokens=256)
            return CompletionResponse(text=bound.invoke(prompt, self.config).text)

        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            yield self.complete(prompt)

    class Nodes(Retriever):
        def __init__(self, recorded: Recorded) -> None:
            self._recorded = recorded
            super().__init__()

        def _retrieve(self, query_bundle: Any) -> list[NodeWithScore]:
            found = self._recorded.invoke(query_bundle.query_str)[:_FIRST]
            nodes = [TextNode(text=d.page_content, id_=d.id, metadata=d.metadata) for d in found]
            return [NodeWithScore(node=node, score=1.0) for node in nodes]

    def find(question: str, config: Any) -> tuple[list[Document], str]:
        recorded, llm = Recorded(inner=retriever), Model(config=config)
        synthesizer = get_response_synthesizer(llm=llm, use_async=False)
        tool = QueryEngineTool.from_defaults(
            RetrieverQueryEngine(Nodes(recorded), synthesizer),
            name="encyclopedia",
            description="Paragraphs of an encyclopedia on people, places, films, music and history",
        )
        engine = SubQuestionQueryEngine.from_defaults(
            [tool],
            llm=llm,
            question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
            response_synthesizer=synthesizer,
            verbose=False,
            use_async=False,
        )
        try:
            note = f"answer: {engine.query(question)}"
        except Exception as error:  # noqa: BLE001  what its user would see
            note = f"failed: {type(error).__name__}: {error}"
        asked = [
            f"{query} -> {[d.id for d in found[:_FIRST]]}" for query, found in recorded.searches
        ]
        found = interleaved([documents for _, documents in recorded.searches])
        return found, "\n".join([*asked, note])

    return find
