"""A chat model that runs a GGUF file on this machine."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, PrivateAttr, ValidationError

from agentlab.errors import ConfigError
from agentlab.models._gguf_answers import aanswers, answers
from agentlab.models._gguf_format import FORMATS, constraint_of, structured
from agentlab.models._gguf_loading import LoadParameters, build_key, own_template
from agentlab.models._gguf_parameters import (
    PER_CALL,
    CallParameters,
    call_parameters,
    wrong_parameter,
)
from agentlab.models._gguf_reply import Chunks, result_of
from agentlab.models._gguf_tools import TOOLS, BindsTools, CallReader, calling_of
from agentlab.models._parameters import check_parameters
from agentlab.models.checksums import known_sha256, stamp_of
from agentlab.models.files import check_gguf
from agentlab.models.template import CHATML, ChatTemplate
from agentlab.offline import is_offline, raise_if_offline

if TYPE_CHECKING:  # a replay makes the model and never needs llama.cpp
    from agentlab.engine import Constraint, Engine, Request


class GGUFChatModel(CallParameters, LoadParameters, BindsTools):
    """A chat model over llama.cpp, loaded when first asked. Make it with ``load_model``.

    Same messages, parameters and seed give the same tokens on one machine and build, whatever ran
    before and however many threads ask, unless ``parallel`` or not ``deterministic``: see
    :mod:`agentlab.engine`. All models of one file share one loaded copy.

    A call takes, besides ``stop`` and every sampling field below (``model.bind(temperature=0)``),
    one of ``grammar`` (GBNF), ``lark`` (llguidance's grammars), ``regex``, ``choices`` and
    ``response_format`` (OpenAI's form), which the answer then cannot but obey.
    """

    model_config = ConfigDict(
        extra="forbid",
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )

    path: Path
    spec: str

    _engine: Engine | None = PrivateAttr(None)
    _template: tuple[str | None, ChatTemplate] | None = PrivateAttr(None)

    # -- what it is --------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "gguf"

    @property
    def model_name(self) -> str:
        """The spec it was loaded by, without folders."""
        kind, colon, rest = self.spec.partition(":")
        return f"{kind}:{Path(rest).name}" if colon and kind == "gguf" else self.spec

    @property
    def identity(self) -> Mapping[str, Any]:
        """What its answers depend on, besides the request: names the file by its sha256.

        Only the name where the file is not there, and in replay, which reads no model file: the
        recording knows the rest.
        """
        import hashlib

        if is_offline() or not self.path.exists():
            return {"name": self.model_name}
        template = self._template_source() or ""
        return {
            "name": self.model_name,
            "sha256": known_sha256(self.path),
            "chat_template": hashlib.sha256(template.encode()).hexdigest(),
        }

    @property
    def context_length(self) -> int:
        """How many tokens a prompt and its answer may have together. Loads the model."""
        return self.engine.n_ctx

    @property
    def engine(self) -> Engine:
        """The engine it runs on, loaded now if it was not.

        Raises:
            ModelFileError: llama.cpp refuses the file.
            ModelError: there is no room for the context.
        """
        raise_if_offline(f"load the model {self.model_name}")
        from agentlab.engine import open_engine

        self._engine = open_engine(self.path, *self.engine_options())
        return self._engine

    def hold(self) -> None:
        """Keep the engine that another model of the same file has loaded, if one has.

        Models share an engine, and the last one to go frees it: in ``model = load_model(…)`` the
        new one is made before the old one goes.
        """
        from agentlab.engine import find_engine

        self._engine = find_engine(self.path, *self.engine_options())

    async def _loaded(self) -> None:
        """Load the model, if it is not, without holding up the event loop."""
        if self._engine is None:
            await asyncio.to_thread(lambda: self.engine)

    @property
    def template(self) -> ChatTemplate:
        """Its chat template.

        Raises:
            ConfigError: the file has none, and none was given.
            ModelFileError: it does not work.
        """
        weights = self.engine.weights
        known = self._template
        if known is None or known[0] != self.chat_template or known[1].vocabulary is not weights:
            source = self._template_source()
            if not source:
                raise ConfigError(
                    f"{self.model_name} has no chat template: it may be a base model",
                    hint="use an instruct model, or give chat_template='chatml' or jinja2 text",
                )
            template = ChatTemplate(source, weights, self.model_name)
            known = self._template = (self.chat_template, template)
        return known[1]

    def _template_source(self) -> str | None:
        if self.chat_template == "chatml":
            return CHATML
        if self.chat_template is not None:
            return self.chat_template
        return own_template(self.path, stamp_of(self.path))

    def render(self, messages: Sequence[BaseMessage], tools: Sequence[Any] = ()) -> str:
        """Exactly the text that the model reads for ``messages``, when ``tools`` are bound."""
        return self.template.text(messages, [convert_to_openai_tool(tool) for tool in tools])

    def get_num_tokens(self, text: str) -> int:
        """How many tokens ``text`` has, by the model's own tokenizer."""
        return len(self.engine.weights.tokenize(text))

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """How many tokens the prompt made of ``messages`` has, template included."""
        given = [convert_to_openai_tool(tool) for tool in tools or ()]
        return len(self.template.tokens(messages, given))

    def log_likelihood(self, messages: LanguageModelInput, answer: str) -> dict[str, Any]:
        """How likely ``answer`` is after ``messages``, in one pass.

        Returns:
            ``mean``: the mean natural log-probability of its tokens; ``agree``: the share of them
            that the model would have taken at temperature 0; ``tokens``: how many there are;
            ``first``: the texts of the first token that it would not have taken and of the one
            in its place, None where it agrees with all.
        """
        prompt = self.template.tokens(self._convert_input(messages).to_messages())
        tokens = self.engine.weights.tokenize(answer)
        score = self.engine.score(prompt, tokens)
        agreed = [mine == theirs for mine, theirs in zip(tokens, score.likeliest, strict=True)]
        texts = self.engine.weights.text_of
        pairs = zip(tokens, score.likeliest, strict=True)
        first = next(((texts(mine), texts(their)) for mine, their in pairs if mine != their), None)
        count = max(len(tokens), 1)
        return {
            "mean": sum(score.logprobs) / count,
            "agree": sum(agreed) / count,
            "tokens": len(tokens),
            "first": first,
        }

    def save_state(self, path: str | Path, messages: LanguageModelInput) -> None:
        """Write what it has read of ``messages`` to ``path``, so that a later process need not.

        They are read now if they were not.

        Raises:
            ContextOverflow: they do not fit.
            OSError: it cannot be written.
        """
        tokens = self.template.tokens(self._convert_input(messages).to_messages())
        self.engine.save(Path(path), tokens, self._state_key())

    def load_state(self, path: str | Path) -> int:
        """Take up what :meth:`save_state` wrote: a prompt that begins like that one begins there.

        Answers are those that it would give without. Load only what you wrote: llama.cpp checks
        little of what is in it.

        Returns:
            How many tokens it has read by that.

        Raises:
            CorruptStore: the file is damaged, or of another model, build or settings.
            OSError: it cannot be read.
        """
        return self.engine.load(Path(path), self._state_key())

    def _state_key(self) -> dict[str, Any]:
        return {"model": known_sha256(self.path), **build_key(self)}

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """What LangChain's cache keys answers by."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name in _OWN}
        return {**fields, **self.identity}

    # -- calls -------------------------------------------------------------------------------

    def bind(self, **kwargs: Any) -> Any:
        """The model with parameters for every call, checked at once.

        Raises:
            ConfigError: a parameter is unknown or wrong.
            GrammarError: a grammar or schema does not compile.
        """
        self._checked(kwargs)
        return super().bind(**kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        requests, reader = self._requests(messages, stop, kwargs)
        together = self.parallel > 1
        found = answers(self.engine, requests, self.model_name, together=together)
        return result_of(found if reader is None else [reader().message(m) for m in found])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        await self._loaded()
        requests, reader = self._requests(messages, stop, kwargs)
        together = self.parallel > 1
        found = await aanswers(self.engine, requests, self.model_name, together=together)
        return result_of(found if reader is None else [reader().message(m) for m in found])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request, chunks = self._request(messages, stop, kwargs)
        with closing(self.engine.generate(request)) as pieces:
            for piece in pieces:
                chunk = chunks.of(piece)
                if run_manager and chunk.text:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        await self._loaded()
        request, chunks = self._request(messages, stop, kwargs)
        async with aclosing(self.engine.agenerate(request)) as pieces:
            async for piece in pieces:
                chunk = chunks.of(piece)
                if run_manager and chunk.text:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        method: Literal["json_schema"] = "json_schema",
        include_raw: bool = False,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """A Runnable whose answers obey ``schema``, since they are decoded under its grammar.

        Args:
            schema: a pydantic class (the output is an instance), a TypedDict or a JSON schema (the
                output is a dict).
            method: only ``json_schema``.
            include_raw: give ``{"raw", "parsed", "parsing_error"}`` in place of raising.

        Raises:
            GrammarError: the schema does not compile: at once, not when called.
            InvalidOutput: (when called) max_tokens ran out before the answer was whole.
        """
        if method != "json_schema" or kwargs:
            wrong = next(iter(kwargs), f"method={method!r}")
            raise ConfigError(
                f"with_structured_output of {self.model_name} does not take {wrong}",
                hint="it decodes under the schema itself, whatever the schema: leave it out",
            )
        return structured(self, schema, include_raw=include_raw)

    def _request(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, given: dict[str, Any]
    ) -> tuple[Request, Chunks]:
        """The one request of a stream, and what makes chunks of its pieces."""
        requests, reader = self._requests(messages, stop, given)
        if len(requests) > 1:
            raise ConfigError(
                f"{self.model_name} streams one answer, not n={len(requests)}",
                hint="call generate, which gives n answers",
            )
        return requests[0], Chunks(requests[0], self.model_name, reader() if reader else None)

    def _requests(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, given: dict[str, Any]
    ) -> tuple[list[Request], Callable[[], CallReader] | None]:
        """One for each of ``n`` answers: the prompt is read for the first alone.

        And what reads an answer, where there are tools.
        """
        from agentlab.engine import Request

        now, constraint = self._checked(given if stop is None else {**given, "stop": stop})
        calling, template, reader = calling_of(given, self.model_name), self.template, None
        tokens = tuple(template.tokens(messages, calling.tools if calling else ()))
        if calling is not None:
            form = calling.form(template, self.model_name)
            constraint = calling.constraint(form, template)
            if calling.callable:
                reader = functools.partial(calling.reader, form, template, tokens)
        first = Request(
            tokens=tokens,
            sampling=now.sampling(),
            max_tokens=now.max_tokens,
            stop=now.stops,
            constraint=constraint,
            top_logprobs=now.rivals,
        )
        samplings = (now.sampling(number) for number in range(now.n or 1))
        return [replace(first, sampling=each) for each in samplings], reader

    def _checked(self, given: Mapping[str, Any]) -> tuple[CallParameters, Constraint | None]:
        check_parameters(given, PER_CALL | FORMATS | TOOLS, self.model_name)
        now = call_parameters(self, given, self.model_name)
        formats = {k: v for k, v in given.items() if k in FORMATS and v is not None}
        if calling_of(given, self.model_name) is not None and formats:
            raise ConfigError(f"{self.model_name} takes {next(iter(formats))} or tools, not both")
        return now, constraint_of(formats)


_OWN = set(GGUFChatModel.model_fields) - set(BaseChatModel.model_fields) - {"path", "spec"}


def create(path: Path, spec: str, /, **params: Any) -> GGUFChatModel:
    """The model in the file ``path``, called ``spec`` in messages and recordings.

    Raises:
        UnknownModel, ModelFileError: the file is not there, or not a model.
        ConfigError: a parameter is unknown or wrong.
    """
    if not is_offline():
        check_gguf(path)
    known = set(GGUFChatModel.model_fields) - {"path", "spec"}
    check_parameters(params, known, spec)
    try:
        model = GGUFChatModel(path=path, spec=spec, **params)
    except ValidationError as error:
        raise wrong_parameter(error, spec) from error
    if not is_offline():
        model.hold()
    return model
