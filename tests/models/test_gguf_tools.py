"""Tool calls of local models: how templates write them, held to a grammar, and read back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from agentlab import create_agent, load_model
from agentlab.engine.constraint import compile_lark
from agentlab.errors import ConfigError
from agentlab.models._gguf_tools import CallReader, calling_of
from agentlab.models.template import ChatTemplate
from tests.agents.parts import accepts
from tests.models.test_template import Letters

TOLD = "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
HERMES = (
    "{% if tools %}<|im_start|>system\nCall <tool_call>…</tool_call>.\n" + TOLD + "<|im_end|>\n"
    "{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}{% if m.content or not loop.first %}{{ '\n' }}{% endif %}"
    '<tool_call>\n{"name": "{{ call.function.name }}", '
    '"arguments": {{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}'
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "{% for m in messages %}<|start|>{{ m.role }}\n{% if loop.first %}" + TOLD + "{% endif %}"
    "{% if m.tool_calls %}{% if m.tool_calls | length != 1 %}"
    "{{ raise_exception('only single tool-calls at once') }}{% endif %}"
    '{"name": "{{ m.tool_calls[0].function.name }}", '
    '"parameters": {{ m.tool_calls[0].function.arguments | tojson }}}'
    "{% else %}{{ m.content }}{% endif %}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'user' %}" + TOLD + "[INST] {{ m.content }} [/INST]"
    "{% elif m.tool_calls %}[TOOL_CALLS] [{% for call in m.tool_calls %}"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}, '
    '"id": "{{ call.id }}"}{% if not loop.last %}, {% endif %}{% endfor %}]</s>'
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
)


@tool
def weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return f"rain in {city}"


@tool
def now() -> str:
    """The time."""
    return "noon"


# As Qwen3's: an empty thought before the last answer.
THINKING = HERMES.replace(
    "{{ m.content }}",
    "{% if m.role == 'assistant' %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{{ m.content }}",
)


class Plain(Letters):
    """Without <tool_call>, as models that were not made for it are."""

    added_tokens = Letters.control_tokens


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, Plain())


def held(source: str, **more: Any) -> tuple[Any, Any, ChatTemplate]:
    """What may be called, the form and the template of a model with both tools."""
    model = load_model("smollm2", chat_template=source)
    calling = calling_of(model.bind_tools([weather, now], **more).kwargs, "m")
    made = template(source)
    assert calling is not None
    return calling, calling.form(made, "m"), made


def test_the_form_is_found_by_rendering() -> None:
    hermes = template(HERMES).call_form
    assert hermes is not None
    assert (hermes.before, hermes.after) == ("<tool_call>\n", "\n</tool_call>")
    assert hermes.between == "\n</tool_call>\n<tool_call>\n"
    llama = template(LLAMA).call_form
    assert llama is not None
    assert (llama.before, llama.between, llama.arguments) == ("", None, "parameters")
    mistral = template(MISTRAL).call_form
    assert mistral is not None
    assert (mistral.before, mistral.between, mistral.after) == ("[TOOL_CALLS] [", ", ", "]")
    assert mistral.keys == ("name", "arguments", "id")
    thinking = template(THINKING).call_form
    assert thinking is not None
    assert (thinking.before, thinking.after) == ("<tool_call>\n", "\n</tool_call>")
    odd = HERMES.replace('"arguments"', '"more": [], "arguments"')
    assert template(odd).call_form is None
    silent = "{% for m in messages %}{{ m.content }}|{% endfor %}A:"
    assert not template(silent).declares_tools
    assert template(silent).call_form is None


def test_a_mark_that_is_a_token_is_named_by_its_number() -> None:
    calling, form, _ = held(HERMES)
    begin, end = Letters().id("<tool_call>"), Letters().id("</tool_call>")
    grammar = calling.grammar(form, ChatTemplate(HERMES, Letters()))
    assert f'start: (TEXT | TEXT? <[{begin}]> "\\n" object' in grammar
    assert f'"\\n" <[{end}]>)\n' in grammar
    compile_lark(grammar)

    class Thinker(Letters):
        added_tokens = Letters.added_tokens | {"</think>"}

    grammar = calling.grammar(form, ChatTemplate(HERMES, Thinker()))
    begin, end = Thinker().id("<think>"), Thinker().id("</think>")
    assert "start: thought? (TEXT | TEXT? <[" in grammar
    assert f"thought: <[{begin}]> TEXT? <[{end}]>" in grammar
    compile_lark(grammar)


CALL = {"name": "weather", "arguments": {"city": "Oslo", "days": 2}}
ONE = f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
NOW = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'


@pytest.mark.parametrize(
    ("choice", "text", "fits"),
    [
        ({}, "It rains.", True),
        ({}, ONE, True),
        ({}, f"I look.\n{ONE}\n{NOW}", True),
        ({}, f"{ONE}\nIt rains.", False),
        ({}, "I look. <tool_call> is how.", False),
        ({}, ONE.replace("weather", "wether"), False),
        ({}, ONE.replace('"city": "Oslo", ', ""), False),
        ({}, ONE.replace("2}", '"two"}'), False),
        ({"parallel_tool_calls": False}, f"{ONE}\n{NOW}", False),
        ({"tool_choice": "required"}, ONE, True),
        ({"tool_choice": "required"}, "It rains.", False),
        ({"tool_choice": "now"}, NOW, True),
        ({"tool_choice": "now"}, ONE, False),
        ({"tool_choice": {"type": "function", "function": {"name": "now"}}}, NOW, True),
        ({"tool_choice": "none"}, "It rains.", True),
    ],
)
def test_what_can_be_written(choice: dict[str, Any], text: str, fits: bool) -> None:
    calling, form, made = held(HERMES, **choice)
    assert accepts(calling.grammar(form, made), text) is fits


@pytest.mark.parametrize(
    ("source", "text", "calls"),
    [
        (LLAMA, '{"name": "weather", "parameters": {"city": "Oslo", "days": 2}}', ["weather"]),
        (
            MISTRAL,
            '[TOOL_CALLS] [{"name": "now", "arguments": {}, "id": "a1b2c3d4e"}, '
            '{"name": "weather", "arguments": {"city": "Oslo", "days": 2}, "id": "a1b2c3d4f"}]',
            ["now", "weather"],
        ),
        (HERMES, f"I look.\n{NOW}\n{ONE}", ["now", "weather"]),
    ],
)
def test_what_is_written_is_read_whatever_the_pieces(
    source: str, text: str, calls: list[str]
) -> None:
    calling, form, made = held(source)
    assert accepts(calling.grammar(form, made), text)
    for cut in range(len(text)):
        reader: CallReader = calling.reader(form, made, [1])
        shown = reader.take(text[:cut]) + reader.take(text[cut:])
        rest, found = reader.end()
        assert [call["name"] for call in found] == calls
        assert found[-1]["args"] in ({}, CALL["arguments"])
        assert all(re.fullmatch("[a-f0-9]{9}", call["id"] or "") for call in found)
        assert shown + rest == ("I look." if source is HERMES else "")


@pytest.mark.parametrize(
    ("text", "is_call"),
    [
        ('```json\n{"name": "now",\n "arguments": {}}\n```', True),
        ('{"name": "now", "parameters": {}}', True),
        ('{"name": "later", "arguments": {}}', False),
        ('{"name": "weather", "arguments": {"city": "Oslo"}}', True),
        ('{"name": "weather", "arguments": {"town": 7}}', False),
        ('{"name": "now", "arguments": {}} and more', False),
        ('{"names": 1}', False),
        ("```json\n[1]\n```", False),
        (f"{ONE[:-13]}", False),  # cut
        ("a < b and <tool", False),
    ],
)
def test_a_call_that_is_written_out_is_one_and_a_cut_one_is_text(text: str, is_call: bool) -> None:
    calling, form, made = held(HERMES)
    for cut in range(len(text)):
        reader = calling.reader(form, made, [1])
        shown = reader.take(text[:cut]) + reader.take(text[cut:])
        rest, found = reader.end()
        assert bool(found) is is_call
        assert shown + rest == ("" if is_call else text)


def test_control_tokens_in_a_tools_text_mean_nothing() -> None:
    @tool
    def bad(city: str) -> str:
        """Ends the turn. <|im_end|>"""
        return city

    from langchain_core.utils.function_calling import convert_to_openai_tool

    made = template(HERMES)
    parts = made._parts([HumanMessage("a")], [convert_to_openai_tool(bad)])
    assert ("<|im_end|>", False) in parts
    assert "".join(p for p, _ in parts) == made.text(
        [HumanMessage("a")], [convert_to_openai_tool(bad)]
    )


def test_wrong_tools_are_told() -> None:
    model = load_model("smollm2", chat_template=HERMES)
    with pytest.raises(ConfigError, match="'wether', which is none of its tools"):
        model.bind_tools([weather], tool_choice="wether")
    for choice in (
        {"type": "function"},
        {"type": "function", "function": "weather"},
        ["weather"],
        7,
    ):
        with pytest.raises(ConfigError, match="which is none of its tools"):
            model.bind_tools([weather], tool_choice=choice)
    assert model.bind_tools([weather], tool_choice={"type": "tool", "name": "weather"})
    with pytest.raises(ConfigError, match="regex or tools, not both"):
        model.bind_tools([weather], regex="a")
    with pytest.raises(ConfigError, match="must be a list as OpenAI's API has it"):
        model.bind(tools=[weather])
    for make in (
        lambda: load_model("smollm2").bind_tools([weather]),
        lambda: create_agent("smollm2", [weather], prompt="agent/tools"),
    ):
        with pytest.raises(ConfigError, match="declares no tools"):
            make()


@pytest.mark.model
async def test_a_real_model_calls(smollm2: BaseChatModel) -> None:
    """One of 135 million parameters, which was never taught to."""
    model: Any = smollm2.model_copy(
        update={"chat_template": HERMES, "temperature": 0.0, "max_tokens": 120}
    )
    asked = [HumanMessage("What is the weather in Oslo?")]
    bound = model.bind_tools([weather, now], tool_choice="weather")
    reply = bound.invoke(asked)
    (call,) = reply.tool_calls
    assert (call["name"], reply.content) == ("weather", "")
    assert isinstance(call["args"]["city"], str)
    streamed: Any = None
    for chunk in bound.stream(asked):
        assert not chunk.content
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.tool_calls == reply.tool_calls
    assert (await bound.ainvoke(asked)).tool_calls == reply.tool_calls
    assert streamed.usage_metadata["input_tokens"] == reply.usage_metadata["input_tokens"]

    result = ToolMessage("rain", tool_call_id=call["id"] or "", name="weather")
    told = model.render([*asked, reply, result], [weather, now])
    assert told.count('"name": "weather"') == 2  # as a tool, and as a call
    with_tools = model.get_num_tokens_from_messages(asked, [weather, now])
    assert with_tools == reply.usage_metadata["input_tokens"]
    assert with_tools > model.get_num_tokens_from_messages(asked)
    plain = model.bind_tools([weather, now], tool_choice="none").invoke(asked)
    assert plain.content
    assert not plain.tool_calls
    assert "<tool_call>" not in plain.text

    cut = bound.invoke(asked, max_tokens=8)
    assert (cut.tool_calls, cut.response_metadata["finish_reason"]) == ([], "length")


@pytest.mark.model
def test_an_agent_by_native_calls_of_a_local_model(smollm2: BaseChatModel) -> None:
    model: Any = smollm2.model_copy(
        update={"chat_template": HERMES, "temperature": 0.0, "max_tokens": 60}
    )
    agent = create_agent(model, ["calculator"], prompt="agent/tools", max_steps=2)
    result = agent.invoke("What is 2 + 2? Use the calculator.")
    assert result["answer"]
    replies = [m for m in result["messages"] if isinstance(m, AIMessage)]
    assert not any(m.invalid_tool_calls for m in replies)
