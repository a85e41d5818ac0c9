"""A chat model that answers from a script: for tests, examples and the REPL, without a model.

::

    replies:
    - when: {last: "1 + 1"}         # the first reply that fits and is not used up answers
      say: "2"
      repeat: true
    - tool_calls: [{name: search, args: {query: price of a MacBook Pro}}]
    - say: "It costs 2,399 dollars."
    - error: rate_limit

Nothing is computed: tokens are words, and the sampling parameters are accepted and ignored.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from agentlab import cancellation
from agentlab.errors import (
    ModelError,
    ProviderError,
    RateLimited,
    StreamInterrupted,
    Unreachable,
)
from agentlab.models._parameters import check_parameters
from agentlab.models._script import Reply, parse_replies, read_script
from agentlab.models._structured import structured


def create(path: str, **params: Any) -> ScriptedChatModel:
    """The model that answers from the YAML file ``path``.

    Raises:
        UnknownModel: there is no such file.
        ConfigError: the file is not a script, or ``params`` has an unknown name.
    """
    check_parameters(params, _PARAMETERS, "a scripted model")
    file = Path(path).expanduser()
    replies, data = read_script(file)
    model = ScriptedChatModel(replies=replies, script=str(file), **params)
    model._digest = hashlib.sha256(data).hexdigest()
    return model


class _Progress:
    """How often each reply was given: shared by all copies of a model, changed under a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.used: dict[int, int] = {}
        self.tool_calls = 0


class ScriptedChatModel(BaseChatModel):
    """Answers with the first of ``replies`` that fits the prompt and is not used up.

    ``replies`` are mappings with the keys ``when``, ``say``, ``tool_calls``, ``error``, ``delay``,
    ``pace``, ``repeat`` and ``finish``, or plain texts. Copies of the model, bound ones included,
    share one place in the script. ``usage_metadata`` counts words, the model's tokens.
    """

    replies: list[Reply]
    script: str = ""
    max_tokens: int | None = None
    stop: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None

    _progress: _Progress = PrivateAttr(default_factory=_Progress)
    _digest: str = PrivateAttr(default="")

    def __init__(self, *, replies: Iterable[Any], script: str = "", **params: Any) -> None:
        """Read ``replies`` now, so that a wrong one is told before anything runs.

        Raises:
            ConfigError: one of ``replies`` is wrong.
        """
        # Before pydantic looks: it would turn a ConfigError into its own error.
        parsed = parse_replies(replies, script or "script")
        super().__init__(replies=list(parsed), script=script, **params)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides this model's answers: the sha256 of its script."""
        digest = self._digest
        if not digest:
            digest = hashlib.sha256(repr(self.replies).encode()).hexdigest()
        return {"name": "scripted", "sha256": digest}

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Not the script, which may be long: LangChain writes each model down at each call."""
        yield "script", self.script

    def reset(self) -> None:
        """Start the script again from its beginning."""
        with self._progress.lock:
            self._progress.used.clear()
            self._progress.tool_calls = 0

    def get_num_tokens(self, text: str) -> int:
        """The number of words in ``text``: a scripted model's tokens."""
        return len(text.split())

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """The number of words in ``messages``; tools count nothing."""
        return sum(self.get_num_tokens(message.text) for message in messages)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind ``tools`` as a hosted model would; the script alone decides what is called."""
        converted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=converted, tool_choice=tool_choice, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Read the reply, JSON in ``say`` or the arguments of a tool call, as ``schema``.

        The result raises :class:`~agentlab.errors.InvalidOutput` where it does not fit.
        """
        kwargs.pop("method", None), kwargs.pop("strict", None)
        bound = self.bind(**kwargs) if kwargs else self
        return structured(bound, schema, include_raw=include_raw)

    @property
    def _llm_type(self) -> str:
        return "agentlab-scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self.identity

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply, calls = self._next(messages)
        _sleep(reply.delay)
        text, finish = _cut(
            reply.say,
            stop or self.stop or [],
            kwargs.get("max_tokens", self.max_tokens),
        )
        for n, word in enumerate(re.findall(r"\s*\S+(?:\s+\Z)?|\s+\Z", text)):
            _sleep(reply.pace if n else 0)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        if reply.error:
            raise _error(reply, text)
        for index, call in enumerate(calls):
            arguments = json.dumps(call["args"], ensure_ascii=False)
            chunk = tool_call_chunk(name=call["name"], args=arguments, id=call["id"], index=index)
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[chunk]))
        read = self.get_num_tokens_from_messages(messages)
        written = self.get_num_tokens(" ".join([text, *(json.dumps(c["args"]) for c in calls)]))
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                usage_metadata={
                    "input_tokens": read,
                    "output_tokens": written,
                    "total_tokens": read + written,
                },
                response_metadata={
                    "finish_reason": reply.finish or finish or ("tool_calls" if calls else "stop"),
                    "model_name": "scripted",
                    "seed": kwargs.get("seed", self.seed),
                },
                chunk_position="last",
            )
        )

    def _next(self, messages: list[BaseMessage]) -> tuple[Reply, list[dict[str, Any]]]:
        """Take the next reply for ``messages``, and number its tool calls."""
        everything = "\n".join(message.text for message in messages)
        users = [message.text for message in messages if isinstance(message, HumanMessage)]
        last = users[-1] if users else ""
        progress = self._progress
        with progress.lock:
            for number, reply in enumerate(self.replies):
                used = progress.used.get(number, 0)
                if reply.repeat is not None and used >= reply.repeat:
                    continue
                if reply.when.anywhere.matches(everything) and reply.when.last.matches(last):
                    progress.used[number] = used + 1
                    calls = []
                    for call in reply.tool_calls:
                        progress.tool_calls += 1
                        name = call["id"] or f"call_{progress.tool_calls}"
                        calls.append({**copy.deepcopy(call), "id": name})
                    return reply, calls
            given = sum(progress.used.values())
        shown = last if len(last) <= 80 else last[:79] + "…"
        raise ModelError(
            f"{self.script or 'the script'}: no reply is left that fits {shown!r} "
            f"({given} given, {len(self.replies)} in the script)",
            hint="add a reply, give one `repeat: true`, or look at its `when`",
        )


_PARAMETERS = (
    "max_tokens",
    "stop",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "seed",
)


def _sleep(seconds: float) -> None:
    """Wait, and wake at once when the run is cancelled."""
    scope = cancellation.current()
    if scope is None:
        time.sleep(seconds)
    else:
        scope.wait(seconds)
        scope.raise_if_cancelled()


def _cut(text: str, stop: list[str], max_tokens: int | None) -> tuple[str, str]:
    """``text`` up to the first stop text and ``max_tokens`` words; the finish reason, if cut."""
    ends = [text.index(s) for s in stop if s and s in text]
    text, finish = (text[: min(ends)], "stop") if ends else (text, "")
    if max_tokens is not None:
        words = list(re.finditer(r"\S+", text))
        if len(words) > max_tokens:
            return text[: words[max_tokens - 1].end()] if max_tokens > 0 else "", "length"
    return text, finish


def _error(reply: Reply, said: str) -> ModelError:
    if said:
        return StreamInterrupted(f"the answer stopped in the middle: {reply.error}", partial=said)
    match reply.error:
        case "timeout":
            return Unreachable("the scripted model did not answer in time")
        case "connection":
            return Unreachable("the scripted model could not be reached")
        case "rate_limit":
            return RateLimited("the scripted model had too many requests")
        case text:
            return ProviderError(f"the scripted model failed: {text}")
