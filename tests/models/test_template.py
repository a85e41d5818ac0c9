"""Chat templates in the styles of many models, over a vocabulary of letters."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from agentlab.errors import ConfigError, ModelError, ModelFileError
from agentlab.models.template import CHATML, ChatTemplate

PHI3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}<|system|>\n{{ message.content }}<|end|>\n"
    "{% elif message.role == 'user' %}<|user|>\n{{ message.content }}<|end|>\n"
    "{% elif message.role == 'assistant' %}<|assistant|>\n{{ message.content }}<|end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
LLAMA3 = (
    "{% for message in messages %}{% set part = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set part = bos_token + part %}{% endif %}{{ part }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
    "{% endif %}{% endfor %}"
)
QWEN = (
    "{%- if tools %}{{- 'TOOLS' }}{%- endif %}"
    "{%- for message in messages %}"
    "{%- if message.role == 'assistant' and message.tool_calls %}"
    "{{- '<|im_start|>assistant\n' + message.content }}"
    "{%- for call in message.tool_calls %}{%- if loop.length > 1 %}"
    "{{- raise_exception('one call at a time') }}{%- endif %}"
    "{{- '<tool_call>' }}{{- call.function.name }} {{- call.function.arguments | tojson }}"
    "{{- '</tool_call>' }}{%- endfor %}{{- '<|im_end|>\n' }}"
    "{%- elif message.role == 'tool' %}"
    "{{- '<|im_start|>user\n<tool_response>' + message.content + '</tool_response><|im_end|>\n' }}"
    "{%- else %}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ALL = {
    "phi3": PHI3,
    "llama3": LLAMA3,
    "gemma": GEMMA,
    "mistral": MISTRAL,
    "qwen": QWEN,
    "smollm2": SMOLLM2,
    "chatml": CHATML,
}
NAMES = "im_start im_end system user assistant end eot_id start_header_id end_header_id"
CONTROL = ["<s>", "</s>", "[INST]", "[/INST]", "<start_of_turn>", "<end_of_turn>"]
CONTROL += [f"<|{name}|>" for name in NAMES.split()]


class Letters:
    """One token a letter, and one for each control token, from 0x200000 on."""

    bos = "<s>"
    eos = "</s>"
    control_tokens = frozenset(CONTROL)
    added_tokens = frozenset([*CONTROL, "<think>", "<tool_call>", "</tool_call>"])

    def __init__(self, *, adds_bos: bool = True) -> None:
        self.adds_bos = adds_bos

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        ids, at = [], 0
        while at < len(text):
            found = [t for t in sorted(self.added_tokens) if special and text.startswith(t, at)]
            ids.append(
                0x200000 + sorted(self.added_tokens).index(found[0]) if found else ord(text[at])
            )
            at += len(found[0]) if found else 1
        return ids

    def id(self, control: str) -> int:
        return 0x200000 + sorted(self.added_tokens).index(control)


def of(source: str, **options: bool) -> ChatTemplate:
    return ChatTemplate(source, Letters(**options), "test")


TALK: Sequence[BaseMessage] = (
    SystemMessage("Be brief."),
    HumanMessage("One?"),
    AIMessage("Two."),
    HumanMessage("Three?"),
)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            PHI3,
            "<s><|system|>\nBe brief.<|end|>\n<|user|>\nOne?<|end|>\n<|assistant|>\nTwo.<|end|>\n"
            "<|user|>\nThree?<|end|>\n<|assistant|>\n",
        ),
        (
            GEMMA,
            "<s><start_of_turn>user\nBe brief.\n\nOne?<end_of_turn>\n<start_of_turn>model\nTwo."
            "<end_of_turn>\n<start_of_turn>user\nThree?<end_of_turn>\n<start_of_turn>model\n",
        ),
        (MISTRAL, "<s>[INST] Be brief.\n\nOne? [/INST]Two.</s>[INST] Three? [/INST]"),
        (
            SMOLLM2,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n"
            "<|im_start|>assistant\nTwo.<|im_end|>\n<|im_start|>user\nThree?<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
    ],
    ids=["phi3", "gemma", "mistral", "smollm2"],
)
def test_exact_text(source: str, text: str) -> None:
    assert of(source).text(TALK) == text


@pytest.mark.parametrize("source", ALL.values(), ids=ALL.keys())
class TestEveryStyle:
    def test_everything_said_is_there_in_order(self, source: str) -> None:
        text = of(source).text(TALK)
        places = [text.index(part) for part in ("Be brief.", "One?", "Two.", "Three?")]
        assert places == sorted(places)

    def test_one_beginning_of_sequence(self, source: str) -> None:
        bos = Letters().id("<s>")
        ids = of(source).tokens(TALK)
        assert ids.count(bos) == 1
        assert ids[0] == bos

    def test_no_beginning_where_neither_asks(self, source: str) -> None:
        ids = of(source, adds_bos=False).tokens(TALK)
        assert ids.count(Letters().id("<s>")) == source.count("bos_token") > -1

    @pytest.mark.parametrize(
        "messages",
        [
            [HumanMessage("One?"), HumanMessage("Two?")],
            [AIMessage("Hello!"), HumanMessage("One?")],
            [SystemMessage("Be brief.")],
            [SystemMessage("a"), SystemMessage("b"), HumanMessage("One?")],
            [HumanMessage("One?"), AIMessage("Two."), SystemMessage("late"), HumanMessage("c")],
            [HumanMessage("a"), AIMessage("b"), AIMessage("c")],
            [SystemMessage("s"), AIMessage("Hello!"), HumanMessage("One?")],
            [HumanMessage("")],
            [ChatMessage("One?", role="user")],
            [HumanMessage("a"), AIMessageChunk("b"), HumanMessage("c")],
        ],
    )
    def test_any_order_of_roles(self, source: str, messages: list[BaseMessage]) -> None:
        text = of(source).text(messages)
        for message in messages:
            assert message.text in text

    def test_tools(self, source: str) -> None:
        call = {"name": "add", "args": {"a": 1}, "id": "c1"}
        text = of(source).text(
            [
                HumanMessage("1 + 1?"),
                AIMessage("", tool_calls=[call]),
                ToolMessage("two", tool_call_id="c1", name="add"),
            ]
        )
        assert text.index("1 + 1?") < text.index("add") < text.index("two")
        assert '{"a": 1}' in text

    @pytest.mark.parametrize("role", [HumanMessage, SystemMessage, AIMessage])
    def test_control_tokens_in_a_message_are_letters(
        self, source: str, role: type[BaseMessage]
    ) -> None:
        evil = "".join(CONTROL)
        clean = of(source).tokens([HumanMessage("q"), role("x"), HumanMessage("z")])
        ids = of(source).tokens([HumanMessage("q"), role(f"x{evil}"), HumanMessage("z")])

        def steering(tokens: list[int]) -> list[int]:
            return [token for token in tokens if token >= 0x200000]

        assert steering(ids) == steering(clean)
        assert of(source).text([HumanMessage("q"), role(f"x{evil}"), HumanMessage("z")]).count(evil)

    def test_control_tokens_in_calls_and_results_are_letters(self, source: str) -> None:
        def steering(word: str) -> list[int]:
            call = {"name": f"f{word}", "args": {f"k{word}": [f"v{word}"]}, "id": word}
            ids = of(source).tokens(
                [
                    HumanMessage("q"),
                    AIMessage("", tool_calls=[call]),
                    ToolMessage(word, tool_call_id=word, name=f"f{word}"),
                ]
            )
            return [token for token in ids if token >= 0x200000]

        assert steering("".join(CONTROL)) == steering("x")

    def test_marks_written_by_the_user(self, source: str) -> None:
        private = "".join(map(chr, range(0xE000, 0xF900)))
        assert private + "<|im_end|>" in of(source).text([HumanMessage(f"{private}<|im_end|>")])


def test_content_none() -> None:
    none = AIMessage.model_construct(content=None, tool_calls=[], additional_kwargs={})
    assert "One?" in of(QWEN).text([HumanMessage("One?"), none, HumanMessage("x")])


def test_native_tool_calls_where_the_template_has_them() -> None:
    calls = [{"name": "add", "args": {"a": n}, "id": f"c{n}"} for n in (1, 2)]
    one = of(QWEN).text([HumanMessage("q"), AIMessage("", tool_calls=calls[:1])])
    assert '<tool_call>add{"a": 1}</tool_call>' in one.replace("add {", "add{")
    # It refuses two at once: they are told in words rather than not at all.
    two = of(QWEN).text([HumanMessage("q"), AIMessage("", tool_calls=calls)])
    assert '[call add({"a": 2})]' in two


def test_calls_are_told_where_the_template_would_drop_them() -> None:
    drops = "{# knows the tool role #}" + CHATML
    template = of(drops)
    assert not template.has_tool_role
    call = {"name": "add", "args": {"a": 1}, "id": "c1"}
    talk = [
        HumanMessage("q"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("2", tool_call_id="c1"),
    ]
    assert '[call add({"a": 1})]' in template.text(talk)
    assert "[result of tool]\n2" in template.text(talk)


def test_a_template_that_goes_through_tools_that_are_not_there() -> None:
    source = "{% for tool in tools %}{{ tool.name }}{% endfor %}{{ messages[0].content }}"
    assert of(source).text([HumanMessage("a")]) == "a"


def test_text_blocks_are_text_and_others_are_refused() -> None:
    blocks = HumanMessage([{"type": "text", "text": "One"}, " two"])
    assert "One two" in of(CHATML).text([blocks])
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    with pytest.raises(ConfigError, match="image_url"):
        of(CHATML).text([HumanMessage([{"type": "text", "text": "look"}, picture])])


def test_what_is_no_message_of_a_talk() -> None:
    with pytest.raises(ConfigError, match="no message"):
        of(CHATML).text([])
    with pytest.raises(ConfigError, match="RemoveMessage"):
        of(CHATML).text([HumanMessage("a"), RemoveMessage(id="1")])


@pytest.mark.parametrize(
    "source",
    [
        "{% for m in messages %}",
        "{{ messages[0].content",
        "{{ raise_exception('never') }}",
        "nothing of what is said",
        "",
        "{% include 'x' %}",
        "{{ ''.__class__.__mro__ }}{{ messages[0].content.__class__() }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{% set ns = namespace(t='x') %}{% for a in range(60) %}{% set ns.t = ns.t + ns.t %}"
        "{% endfor %}{{ ns.t }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ messages[0].content }}{{ 9 ** (9 ** 9) }}",
    ],
)
def test_bad_and_hostile_templates(source: str) -> None:
    began = time.monotonic()
    with pytest.raises(ModelFileError, match="chat template of test"):
        of(source)
    assert time.monotonic() - began < 60  # a budget of 5 s of processor time


def test_a_template_that_refuses_a_message() -> None:
    picky = (
        "{% for m in messages %}{% if 'Q' in m.content %}{{ raise_exception('no Q') }}{% endif %}"
        "{{ m.content }}{% endfor %}"
    )
    assert of(picky).text([HumanMessage("x")]) == "x"
    with pytest.raises(ModelError, match="refuses these messages: no Q"):
        of(picky).text([HumanMessage("Q")])


def test_a_template_that_cuts_messages_short() -> None:
    template = of("{{ messages[0].content[:35] }}")
    for size in range(20, 40):
        messages = [HumanMessage("a" * size + "<|im_end|>")]
        assert template.text(messages).startswith("a" * min(size, 35))
        assert all(token < 0x200000 for token in template.tokens(messages)[1:])


def test_tools_and_documents_are_none_as_in_transformers() -> None:
    source = "{% if tools is not none %}TOOLS{% endif %}{{ messages[0].content }}"
    assert of(source).text([HumanMessage("a")]) == "a"
