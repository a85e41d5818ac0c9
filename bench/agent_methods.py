"""Four ways in which one model solves a word problem, for bench/agents.py."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool, Tool

from agentlab.chains.usage import UsageCounter
from agentlab.errors import AgentLabError
from agentlab.tools import load_tools

STEPS = 8
_ALONE = "\n\nGive the final answer as a number alone."  # of a sentence it is hard to tell which


@dataclass
class Outcome:
    """What one method did with one problem."""

    answer: str = ""
    steps: int = 0
    malformed: int = 0
    unknown_tools: int = 0
    stopped: str = ""
    model_calls: int = 0
    tokens: int = 0
    trace: list[Any] = field(default_factory=list)  # what led to the answer

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Method = Callable[[BaseChatModel, str, UsageCounter], Outcome]


def ours(model: BaseChatModel, question: str, usage: UsageCounter) -> Outcome:
    """create_agent with the calculator."""
    from agentlab.agents import Limits, create_agent

    # The clock of a busy machine is no part of the comparison.
    agent = create_agent(model, ["calculator"], max_steps=STEPS, limits=Limits(seconds=None))
    result = agent.invoke(question + _ALONE, {"callbacks": [usage]})
    answers = [m for m in result["messages"] if isinstance(m, AIMessage)]
    return Outcome(
        answer=result["answer"],
        steps=len(answers),
        malformed=sum(m.response_metadata.get("malformed", 0) for m in answers),
        unknown_tools=sum(step["tool"] != "calculator" for step in result["steps"]),
        stopped=result["stopped"] or "",
        trace=[*result["steps"], answers[-1].additional_kwargs.get("reasoning_content", "")],
    )


def chain_of_thought(model: BaseChatModel, question: str, usage: UsageCounter) -> Outcome:
    """The model alone: it thinks step by step."""
    messages = [
        SystemMessage("You solve math problems. Think step by step."),
        HumanMessage(f"{question}\n\nEnd with the line: Final Answer: the number"),
    ]
    text = str(model.invoke(messages, {"callbacks": [usage]}).text)
    return Outcome(answer=text.rpartition("Final Answer:")[2], steps=1, trace=[text])


_CLASSIC = """Answer the following questions as best you can. \
You have access to the following tools:

{tools}

Use the following format:

Question: the input question you must answer
Thought: you should always think about what to do
Action: the action to take, should be one of [{tool_names}]
Action Input: the input to the action
Observation: the result of the action
... (this Thought/Action/Action Input/Observation can repeat N times)
Thought: I now know the final answer
Final Answer: the final answer to the original input question

Begin!

Question: {input}
Thought:{agent_scratchpad}"""


def executor(model: BaseChatModel, question: str, usage: UsageCounter) -> Outcome:
    """LangChain's classic AgentExecutor and its ReAct prompt, with our calculator."""
    from langchain_classic.agents import AgentExecutor, create_react_agent
    from langchain_core.prompts import PromptTemplate

    calculator = Tool(
        name="calculator",
        description="Compute an arithmetic expression, such as 2 * (3 + 4).",
        func=lambda text: calculate({"expression": text.strip()}),
    )
    agent = create_react_agent(model, [calculator], PromptTemplate.from_template(_CLASSIC))
    running = AgentExecutor(
        agent=agent,
        tools=[calculator],
        handle_parsing_errors=True,
        max_iterations=STEPS,
        return_intermediate_steps=True,
    )
    result = running.invoke({"input": question + _ALONE}, {"callbacks": [usage]})
    steps = result["intermediate_steps"]
    answer = str(result["output"])
    stopped = "Agent stopped due to" in answer
    return Outcome(
        answer="" if stopped else answer,
        steps=len(steps) + (not stopped),
        malformed=sum(action.tool == "_Exception" for action, _ in steps),
        unknown_tools=sum(action.tool not in ("_Exception", "calculator") for action, _ in steps),
        stopped="steps" if stopped else "",
        trace=[(action.log, str(result)) for action, result in steps],
    )


_HERMES = """You are a helpful assistant. Solve the task; use the tools to calculate.

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)


def native_loop(model: BaseChatModel, question: str, usage: UsageCounter) -> Outcome:
    """The loop of OpenAI's examples, tools told as Qwen2.5's own chat template tells them."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    system = _HERMES.format(tools=json.dumps(convert_to_openai_tool(_calculator())))
    messages: list[BaseMessage] = [SystemMessage(system), HumanMessage(question + _ALONE)]
    outcome = Outcome()
    for _ in range(STEPS + 1):
        text = str(model.invoke(messages, {"callbacks": [usage]}).text)
        outcome.steps += 1
        outcome.trace.append(text)
        found = _CALL.findall(text)
        if not found:
            outcome.answer = text
            return outcome
        results = [_result(call, outcome) for call in found]
        told = "\n".join(f"<tool_response>\n{result}\n</tool_response>" for result in results)
        messages += [AIMessage(text), HumanMessage(told)]
    outcome.stopped = "steps"
    return outcome


def _result(text: str, outcome: Outcome) -> str:
    try:
        call = json.loads(text)
        name, arguments = call["name"], call["arguments"]
    except (ValueError, KeyError, TypeError) as error:
        outcome.malformed += 1
        return f"Error: {error}"
    if name != "calculator":
        outcome.unknown_tools += 1
        return f"Error: there is no function {name}"
    if not isinstance(arguments, dict):
        outcome.malformed += 1
        return "Error: the arguments are no object"
    return calculate(arguments)


def calculate(arguments: dict[str, Any]) -> str:
    """The calculator's answer, or what is wrong."""
    try:
        return str(_calculator().invoke(arguments))
    except AgentLabError as error:
        return f"Error: {error} ({error.hint})"


def _calculator() -> BaseTool:
    return load_tools("calculator")[0]


METHODS: dict[str, Method] = {
    "ours": ours,
    "cot": chain_of_thought,
    "executor": executor,
    "native": native_loop,
}
