"""An agent, a retrieval and their fakes, for the tests of recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from agentlab.boundary import recordable


class Fake(GenericFakeChatModel):
    """A scripted model with the fields that real ones have."""

    model_name: str = "fake-1"
    temperature: float = 0.0
    seed: float | None = 7
    top_k: int | None = None
    timeout: float | None = None
    max_retries: int = 2
    identity: dict[str, Any] = Field(default_factory=dict)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(t) for t in tools], **kwargs)


class ToolStream(Fake):
    """Streams a tool call in pieces, then usage, as hosted models do."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        pieces = ['{"order', '": "TE', 'ST-1"}']
        yield ChatGenerationChunk(message=AIMessageChunk(content="Let me "))
        yield ChatGenerationChunk(message=AIMessageChunk(content="look."))
        for i, piece in enumerate(pieces):
            part = {
                "name": "look_up" if i == 0 else None,
                "args": piece,
                "id": "call_77" if i == 0 else None,
                "index": 0,
                "type": "tool_call_chunk",
            }
            message = AIMessageChunk(content="", tool_call_chunks=[part])
            yield ChatGenerationChunk(message=message, generation_info={"piece": i})
        usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
        last = AIMessageChunk(
            content="", usage_metadata=usage, response_metadata={"finish_reason": "tool_calls"}
        )
        yield ChatGenerationChunk(message=last)


def model(*answers: AIMessage | str, **fields: Any) -> BaseChatModel:
    """A recordable model that gives ``answers`` in order."""
    return recordable(Fake(messages=iter(answers), **fields))


def asks(name: str, args: dict[str, Any], id: str, text: str = "") -> AIMessage:
    """An answer that calls a tool."""
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    return AIMessage(
        text,
        tool_calls=[{"name": name, "args": args, "id": id}],
        usage_metadata=usage,
        response_metadata={"finish_reason": "tool_calls", "system_fingerprint": "fp_1"},
    )


HARMLESS = {"side_effects": False}


@tool
def look_up(order: str) -> str:
    """Look up an order."""
    return f"Order {order}: one pump, $842."


@tool
def check_policy(amount: float) -> str:
    """Check the refund policy."""
    return f"${amount:.0f} needs approval."


look_up.metadata = HARMLESS
check_policy.metadata = HARMLESS


class Manual(BaseRetriever):
    """Finds two sections of a manual."""

    texts: tuple[str, ...] = (
        "Hold the reset button for ten seconds.",
        "The pump weighs four kilograms.",
    )

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [
            Document(page_content=text, metadata={"source": "manual.md", "rank": i}, id=f"d{i}")
            for i, text in enumerate(self.texts)
        ]


SYSTEM = "You help customers of a pump shop. Refunds over $500 need manager approval. Be brief."
QUESTION = "Refund order TEST-1, it was $842."


def support_answers() -> list[AIMessage]:
    """What the model says in :func:`support`."""
    return [
        asks("look_up", {"order": "TEST-1"}, "call_a"),
        asks("check_policy", {"amount": 842.0}, "call_b", "It was one pump."),
        AIMessage("I have asked a manager for approval."),
    ]


def support(
    chat: Any,
    *,
    system: str = SYSTEM,
    question: str = QUESTION,
    tools: Sequence[BaseTool] = (look_up, check_policy),
    retriever: BaseRetriever | None = None,
    edit: Any = None,
    **call: Any,
) -> list[BaseMessage]:
    """An agent: retrieve, then model and tools in turns. Returns its history.

    ``edit(step, history)`` may change the history before the model's call number ``step``.
    """
    by_name = {t.name: recordable(t) for t in tools}
    documents = recordable(retriever or Manual()).invoke(question)
    context = "\n".join(d.page_content for d in documents)
    history: list[BaseMessage] = [
        SystemMessage(system),
        HumanMessage(f"Manual:\n{context}\n\n{question}"),
    ]
    bound = chat.bind_tools(list(tools))
    for step in range(10):
        if edit is not None:
            history = edit(step, history)
        answer = bound.invoke(history, **call)
        history.append(answer)
        if not answer.tool_calls:
            return history
        history += [
            by_name[c["name"]].invoke({**c, "type": "tool_call"}) for c in answer.tool_calls
        ]
    raise AssertionError("the agent does not stop")


def without_ids(message: BaseMessage) -> dict[str, Any]:
    """All of a message that replay has to give back."""
    return message.model_dump(exclude={"id"})
