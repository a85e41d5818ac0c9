"""What the scenarios of the tests run: a chain, a bare agent, retrieval, a chat."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool

from agentlab import clock
from agentlab.boundary import recordable
from agentlab.errors import ToolError

SYSTEM = "You help with orders. Refunds over $500 need manager approval."
MADE: list[str] = []  # the tools that really ran
DOCUMENTS = [
    Document("Hold the button for ten seconds.", id="reset", metadata={"source": "manual.md"}),
    Document("Fill the tank with water.", id="fill", metadata={"source": "manual.md"}),
]


def triage(model: Any) -> Runnable[Any, Any]:
    """A chain of one call."""
    prompt = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", "{ticket}")])
    return prompt | model | StrOutputParser()


def pair(first: Any, second: Any) -> Runnable[Any, Any]:
    """Two models, found by the names of the parameters."""
    return RunnableLambda(
        lambda text: {"first": first.invoke(text).text, "second": second.invoke(text).text}
    )


@tool
def lookup(order: str) -> str:
    """Look an order up."""
    MADE.append("lookup")
    return f"order {order} was $842"


@tool
def refund(order: str) -> str:
    """Pay an order back."""
    MADE.append("refund")
    return f"order {order} was paid back"


refund.metadata = {"side_effects": True}
TOOLS = {t.name: recordable(t) for t in (lookup, refund)}


def support(model: Any) -> Runnable[Any, Any]:
    """A bare agent."""

    def answer(text: str) -> str:
        history: list[Any] = [SystemMessage(SYSTEM), HumanMessage(text)]
        while True:
            said = model.invoke(history)
            history.append(said)
            if not said.tool_calls:
                return str(said.text)
            for call in said.tool_calls:
                try:
                    history.append(TOOLS[call["name"]].invoke(call))
                except ToolError as error:
                    history.append(ToolMessage(f"Error: {error}", tool_call_id=call["id"]))

    return RunnableLambda(answer)


class Shelf(BaseRetriever):
    """Finds everything."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        MADE.append("shelf")
        return list(DOCUMENTS)


def manual(model: Any) -> Runnable[Any, Any]:
    """Retrieval and an answer."""
    shelf = recordable(Shelf())

    def answer(question: str) -> dict[str, Any]:
        found = shelf.invoke(question)
        text = "\n".join(document.page_content for document in found)
        said = model.invoke(f"{text}\n\n{question}").text
        return {"answer": said, "citations": [d.id for d in found], "documents": found}

    return RunnableLambda(answer)


def dated(model: Any) -> Runnable[Any, Any]:
    """Asks the clock."""

    def answer(text: str) -> str:
        began = clock.monotonic()
        said = model.invoke(f"{clock.now():%Y-%m-%d} {clock.uuid4()} {clock.random():.3f} {text}")
        late = " late" if clock.monotonic() - began > 2 else ""
        return f"{said.text}{late}"

    return RunnableLambda(answer)


def fragile(model: Any) -> Runnable[Any, Any]:
    """Lets every error through."""
    return RunnableLambda(lambda text: model.invoke(text).text)


class Broken:
    """No Runnable."""
