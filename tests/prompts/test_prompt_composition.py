"""Prompts joined to models: settings, streaming, async, and other Runnables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from agentlab.boundary import Call, Handler, handling, recordable
from agentlab.errors import PromptError
from agentlab.prompts import Prompt, load_prompt

Write = Callable[..., Prompt]


class Echo(BaseChatModel):
    """Answers with its settings and the last message."""

    temperature: float = 0.5
    max_tokens: int | None = None
    stop: list[str] | None = None

    @property
    def _llm_type(self) -> str:
        return "echo"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        used = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        used |= {"stop": stop or self.stop} | kwargs
        message = AIMessage(messages[-1].text, response_metadata=used)
        return ChatResult(generations=[ChatGeneration(message=message)])


TEXT = "---\nconfig: {temperature: 0.9, max_tokens: 5, stop: end}\n---\nSay {{ word }}"
ASKED = {"temperature": 0.9, "max_tokens": 5, "stop": ["end"]}


def used(chain: Any) -> dict[str, Any]:
    metadata = dict(chain.invoke("hi").response_metadata)
    metadata.pop("model_name", None)
    return metadata


def test_the_files_settings_reach_the_model_which_is_not_changed(write: Write) -> None:
    model = Echo()
    assert used(write(TEXT) | model) == ASKED
    assert used(write(TEXT).pipe(model)) == ASKED
    assert model == Echo()
    assert used(model) == {"temperature": 0.5, "max_tokens": None, "stop": None}


def test_what_the_user_set_stays_even_where_it_is_the_default(write: Write) -> None:
    prompt = write(TEXT)
    assert used(prompt | Echo(temperature=0.5)) == {**ASKED, "temperature": 0.5}
    assert used(prompt | Echo(stop=None, max_tokens=1)) == {**ASKED, "stop": None, "max_tokens": 1}
    assert used(prompt | Echo().bind(temperature=0.1))["temperature"] == 0.1
    assert used(prompt | Echo().bind(stop=["x"])) == {**ASKED, "stop": ["x"]}


def test_settings_the_model_has_no_field_for_are_bound(write: Write) -> None:
    chain = write("---\nconfig: {top_k: 3}\n---\n{{ word }}") | Echo()
    assert used(chain)["top_k"] == 3
    given = write("---\nconfig: {top_k: 3}\n---\n{{ word }}") | Echo().bind(top_k=4)
    assert used(given)["top_k"] == 4


def test_settings_reach_a_model_inside_bindings_sequences_and_fallbacks(write: Write) -> None:
    prompt = write(TEXT)
    assert used(prompt | (Echo() | RunnablePassthrough())) == ASKED
    assert used(prompt | Echo().with_config(tags=["x"])) == ASKED
    assert used(prompt | Echo().with_retry()) == ASKED
    assert used(prompt | Echo().with_fallbacks([Echo()])) == ASKED
    assert used({"word": RunnablePassthrough()} | prompt | Echo()) == ASKED


def test_other_runnables_are_left_alone(write: Write) -> None:
    chain = write(TEXT) | RunnableLambda(lambda value: value.to_string())
    assert chain.invoke("hi") == "Human: Say hi"
    assert (write(TEXT) | {"a": Echo()}).invoke("hi")["a"].response_metadata["max_tokens"] is None


def test_the_copy_still_crosses_the_boundary(write: Write) -> None:
    seen: list[float] = []

    class Seer(Handler):
        def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
            seen.append(call.target.temperature)
            return proceed()

    with handling(Seer()):
        (write(TEXT) | recordable(Echo())).invoke("hi")
    assert seen == [0.9]


async def test_all_ways_to_run_give_the_same(write: Write) -> None:
    chain = write("Say {{ word }}") | Echo() | StrOutputParser()
    expected = "Say hi"
    assert chain.invoke("hi") == expected
    assert await chain.ainvoke({"word": "hi"}) == expected
    assert "".join(chain.stream("hi")) == expected
    assert "".join([chunk async for chunk in chain.astream("hi")]) == expected
    assert chain.batch(["hi", {"word": "ho"}]) == [expected, "Say ho"]
    assert await chain.abatch(["hi"]) == [expected]


async def test_a_missing_value_is_told_before_the_model_is_called(write: Write) -> None:
    called: list[Any] = []
    chain = write("{{ a }}{{ b }}") | RunnableLambda(called.append)
    with pytest.raises(PromptError, match="'a', 'b'"):
        chain.invoke({})
    with pytest.raises(PromptError, match="'b'"):
        await chain.ainvoke({"a": 1})
    assert not called


def test_a_traced_run_is_a_prompt() -> None:
    async def kinds() -> set[tuple[str, str]]:
        prompt = load_prompt("chat")
        return {(e["event"], e["name"]) async for e in prompt.astream_events("Hi", version="v2")}

    import asyncio

    assert ("on_prompt_start", "chat") in asyncio.run(kinds())


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("story/title", {"summary": "a girl that lost her mother"}),
        ("business/name", {"product": "colourful socks"}),
        ("question/answer", {"question": "What is the capital of France?"}),
    ],
)
def test_shipped_prompts_get_an_answer_of_the_real_model(
    smollm2: BaseChatModel, name: str, values: dict[str, Any]
) -> None:
    message = (load_prompt(name) | smollm2).invoke(values)
    assert message.text.strip()
    assert "\n" not in message.text.strip() or "stop" not in load_prompt(name).config
