"""Where routes lead: answers from documents, models, chains and tools, one or several at once."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool, ToolException, tool

from agentlab import handling, load_prompt, sequential
from agentlab.boundary import Call
from agentlab.errors import BudgetExceeded, StepLimit, ToolError
from agentlab.events import Token, Warned
from agentlab.models.scripted import ScriptedChatModel
from agentlab.rag import create_rag
from agentlab.rag.techniques import Route, agentic, multi_hop, route, search_documents
from agentlab.tools import ToolPolicy, guard, policy_of
from tests.rag.techniques.parts import Failing, Words, cited, saying

TALK = [HumanMessage("How many days of leave are there?"), AIMessage("27 days.")]
SAID = {"input": "And the pump?", "history": TALK}


def to(*names: str, **targets: Any) -> Any:
    """Routes to ``targets``, of which the model takes those of ``names``."""
    chosen = saying(*[{"routes": list(names)}] * 3)
    return route(targets, model=chosen, by="model", most=max(1, len(names)))


@pytest.mark.parametrize("hops", [False, True])
def test_an_answer_from_documents_counts_by_its_retriever(hops: bool) -> None:
    inner: Any = create_rag(saying(), Words())
    if hops:
        inner = multi_hop(saying({"fact": "", "queries": ["x"]}), Words(), 1)
    rag = create_rag(saying(cited("The pump runs at night.", 1)), to("house", house=Route(inner)))
    result = rag.invoke("When does the pump run?")
    assert (result["answer"], result["routes"]) == ("The pump runs at night [1].", ["house"])
    assert [citation["id"] for citation in result["citations"]] == ["pump"]


def test_an_answer_beside_documents_is_one_of_them() -> None:
    router = to("house", "order", house=Words(), order=lambda q: "The order of the pump is sent.")
    found = router.search("When does the pump run?")
    assert [d.metadata.get("title") for d in found.documents] == [None, "order"]
    assert found.answer is None
    rag = create_rag(saying(cited("The order of the pump is sent.", 2)), router)
    result = rag.invoke("When does the pump run?")
    assert [citation["title"] for citation in result["citations"]] == ["order"]


def test_the_tool_for_documents_gives_an_answer_of_a_route() -> None:
    tool = search_documents(to("order", order=lambda question: "It is sent."))
    call = {"name": tool.name, "args": {"query": "order"}, "id": "1", "type": "tool_call"}
    message = tool.invoke(call)
    assert message.content == "It is sent."
    assert [d.page_content for d in message.artifact] == ["It is sent."]
    other = to("order", order=lambda question: "It is lost.").search("order")
    assert other.answer == "It is lost."


# -- the conversation


class Seeing(Failing):
    """Keeps what models are asked."""

    def __init__(self) -> None:
        super().__init__("model")
        self.messages: list[list[Any]] = []

    def _look(self, call: Call) -> None:
        if call.kind == "model":
            self.messages.append(list(call.arguments["messages"]))


@pytest.mark.parametrize("kind", ["model", "bound", "prompt", "langchain"])
def test_a_model_or_chain_is_given_the_conversation(kind: str) -> None:
    model = saying({"say": "At night.", "repeat": True})
    langchain = ChatPromptTemplate([("placeholder", "{history}"), ("user", "{input}")])
    target: Any = {
        "model": model,
        "bound": model.bind(stop=["x"]),
        "prompt": load_prompt("chat") | model,
        "langchain": langchain | model,
    }[kind]
    with handling(seen := Seeing()):
        found = to("talk", talk=target).search(SAID)
    assert found.answer == "At night."
    said = [message.text for message in seen.messages[-1] if message.type != "system"]
    assert said == [TALK[0].text, TALK[1].text, "And the pump?"]


def test_a_prompt_with_a_variable_of_its_own_is_given_the_conversation() -> None:
    prompt = ChatPromptTemplate([("placeholder", "{history}"), ("user", "{question}")])
    found = to("talk", talk=prompt | saying({"say": "At night."})).search(SAID)
    assert found.answer == "At night."


def test_of_a_chain_the_last_step_answers() -> None:
    chain = sequential(
        title=ChatPromptTemplate([("user", "{topic}")]) | saying({"say": "Gull"}),
        story=ChatPromptTemplate([("user", "{title}")]) | saying({"say": "A gull flew."}),
    )
    assert to("story", story=chain).search("gulls").answer == "A gull flew."


def test_a_chain_of_a_text_is_given_the_text() -> None:
    chain = ChatPromptTemplate([("user", "{question}")]) | saying({"say": "At night."})
    assert to("talk", talk=chain).search(SAID).answer == "At night."


def test_a_model_as_the_only_target_is_streamed() -> None:
    rag = create_rag(saying(), to("talk", talk=saying({"say": "It runs at night."})))
    tokens = [event.text for event in rag.stream(SAID) if isinstance(event, Token)]
    assert len(tokens) > 1
    assert "".join(tokens) == "It runs at night."


def test_what_answers_a_query_aside_is_evidence_and_no_answer() -> None:
    routes = saying({"routes": ["house"]}, {"routes": ["talk"]})
    router = route(
        {"house": Words(), "talk": saying({"say": "Lind was born in Tromso."})},
        model=routes,
        by="model",
    )
    hops = saying({"fact": "Mara Lind directed Gull.", "queries": ["Mara Lind birthplace"]})
    events = list(multi_hop(hops, router, 2).retriever.stream("Where was Gull's director born?"))
    assert not [event for event in events if isinstance(event, Token)]
    found = events[-1].value  # type: ignore[attr-defined]
    assert [d.page_content for d in found.documents][1:] == ["Lind was born in Tromso."]
    assert found.answer is None


def test_no_query_of_a_model_reaches_a_tool_with_side_effects() -> None:
    sent: list[str] = []

    def send(text: str) -> str:
        """Send a message."""
        sent.append(text)
        return "sent"

    mail = guard(StructuredTool.from_function(send), ToolPolicy(side_effects=True))
    routes = saying({"routes": ["house"]}, {"routes": ["mail"]})
    router = route({"house": Words(), "mail": mail}, model=routes, by="model")
    hops = saying({"fact": "", "queries": ["Mara Lind birthplace"]})
    events = list(multi_hop(hops, router, 2).retriever.stream("Where was Gull's director born?"))
    assert [event.message for event in events if isinstance(event, Warned)]
    assert sent == []


# -- failures


@pytest.mark.parametrize("error", [ToolError("no"), BudgetExceeded("no"), StepLimit("no")])
def test_a_route_that_fails_leaves_the_others(error: Exception) -> None:
    def fail(question: str) -> str:
        raise error

    router = to("house", "order", house=Words(), order=fail)
    events = list(router.stream("When does the pump run?"))
    assert [e.message for e in events if isinstance(e, Warned)] == ["the route 'order' failed: no"]
    assert [d.id for d in events[-1].value.documents] == ["pump"]  # type: ignore[attr-defined]


# -- agents


@tool
def order_state(number: str) -> str:
    """The state of an order."""
    if number == "0":
        raise ToolException("there is no order 0")
    return f"shipped: {number}"


def test_an_agent_asks_what_answers_and_leaves_out_what_refuses() -> None:
    routes = {
        "house": Route(Words(), "the house"),
        "orders": Route(order_state, "orders by number"),
        "shout": Route(lambda question: question.upper()),
        "songs": Route("refuse"),
    }
    rag = create_rag(saying(), routes, techniques=["agentic"])
    tools = {tool.name: tool for tool in rag.retriever.agent.tools}  # type: ignore[attr-defined]
    assert tools.keys() == {"search_documents", "orders", "shout"}
    assert "orders by number" in tools["orders"].description
    assert tools["orders"].invoke({"query": "7"}) == "shipped: 7"


def test_a_technique_among_sources_is_a_tool_of_its_own_name() -> None:
    hops = multi_hop(saying(), Words()).retriever
    agent = agentic(
        saying(), {"the hops": hops, "house": Words(), "rag": create_rag(saying(), Words())}
    )
    names = [tool.name for tool in agent.agent.tools]
    assert names == ["search_documents", "the_hops"]
    assert agent.agent.tools[0].args["source"]["enum"] == ["house", "rag"]


def test_a_tool_among_sources_keeps_its_side_effects() -> None:
    @tool
    def send(text: str) -> str:
        """Send a message."""
        raise AssertionError(text)

    mail = guard(send, ToolPolicy(side_effects=True))
    search = {"tool_calls": [{"name": "search_documents", "args": {"query": "pump"}}]}
    order = {"tool_calls": [{"name": "mail", "args": {"query": "all I found"}}]}
    model = ScriptedChatModel(replies=[search, order, "It runs at night."])
    made = agentic(
        model, {"house": Words(), "mail": route({"m": mail}, model=saying(), by="model")}
    )
    assert policy_of(made.agent.tools[1]).side_effects
    found = made.search("When does the pump run?")
    assert [d.id for d in found.documents] == ["pump"]


def test_sources_have_names_that_providers_take() -> None:
    def to_text(question: str) -> str:
        return question

    one = route({"x": to_text}, model=saying(), by="model")
    made = agentic(saying(), {"规则": one, "工资": one, "a b": one, "a_b": one, "house": Words()})
    names = [tool.name for tool in made.agent.tools]
    assert names == ["search_documents", "search", "search_2", "a_b", "a_b_2"]


def test_an_agent_that_found_nothing_fails_as_its_model_does() -> None:
    from agentlab.errors import Unreachable

    call = {"tool_calls": [{"name": "search_documents", "args": {"query": "zebra"}}]}
    search = agentic(ScriptedChatModel(replies=[call, "No."]), Words())
    with handling(Failing("model", 2)), pytest.raises(Unreachable):
        search.invoke("When does the zebra run?")


def test_what_an_agent_had_found_is_used_when_it_fails() -> None:
    call = {"tool_calls": [{"name": "search_documents", "args": {"query": "pump"}}]}
    search = agentic(ScriptedChatModel(replies=[call, "At night."]), Words())
    with handling(Failing("model", 2)):
        events = list(search.stream("When does the pump run?"))
    assert any(isinstance(event, Warned) for event in events)
    assert [d.id for d in events[-1].value.documents] == ["pump"]  # type: ignore[attr-defined]


def test_an_agents_failure_before_it_searched_is_raised() -> None:
    from agentlab.errors import Unreachable

    with handling(Failing("model", 1)), pytest.raises(Unreachable):
        agentic(saying({"say": "x"}), Words()).invoke("When does the pump run?")


def test_functions_may_still_be_runnables() -> None:
    assert to("talk", talk=RunnableLambda(str.upper)).search("x").answer == "X"
