"""A chat model that runs a GGUF file on this machine."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, ClassVar, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError

from agentlab.engine import (
    N_BATCH,
    ContextOptions,
    Engine,
    LoadOptions,
    Request,
    Sampling,
    open_engine,
)
from agentlab.errors import ConfigError
from agentlab.models._gguf_format import FORMATS, constraint_of, structured
from agentlab.models._gguf_reply import chunk_of, message_of
from agentlab.models._parameters import check_parameters
from agentlab.models.checksums import sha256_of
from agentlab.models.files import check_gguf
from agentlab.models.template import CHATML, ChatTemplate
from agentlab.offline import is_offline, raise_if_offline


class GGUFChatModel(BaseChatModel):
    """A chat model over llama.cpp, loaded when first asked. Make it with ``load_model``.

    Same messages, parameters and seed give the same tokens on one machine and build, whatever ran
    before and however many threads ask: see :mod:`agentlab.engine`. All models of one file share
    one loaded copy.

    A call takes, besides ``stop`` and every sampling field below (``model.bind(temperature=0)``),
    one of ``grammar`` (GBNF), ``regex``, ``choices`` and ``response_format`` (OpenAI's form), which
    the answer then cannot but obey.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    path: Path
    spec: str
    temperature: float = Field(0.8, ge=0, le=5)
    top_p: float = Field(0.95, gt=0, le=1)
    top_k: int = Field(40, ge=0)
    min_p: float = Field(0.05, ge=0, lt=1)
    repeat_penalty: float = Field(1.0, gt=0, le=10)
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    seed: int | None = Field(None, ge=0, description="None: another one each call, reported")
    max_tokens: int | None = Field(1024, ge=1, description="None: to the end of the context")
    stop: tuple[str, ...] | str | None = None
    logprobs: bool = False
    top_logprobs: int | None = Field(None, ge=0, le=100)
    n_ctx: int | None = Field(None, ge=0, description="tokens; 0: as trained; None: what fits")
    n_batch: int = Field(N_BATCH, ge=1, description="tokens read at once")
    n_threads: int | None = Field(None, ge=1, description="None: as many as pay")
    n_gpu_layers: int | None = Field(None, ge=-1, description="-1: all; None: all on a GPU build")
    main_gpu: int = Field(0, ge=0)
    tensor_split: tuple[float, ...] | None = None
    chat_template: str | None = Field(None, description="jinja2, or 'chatml'; None: the file's own")

    _engine: Engine | None = PrivateAttr(None)
    _template: tuple[int, str | None, ChatTemplate] | None = PrivateAttr(None)

    _PER_CALL: ClassVar[frozenset[str]] = frozenset(
        """temperature top_p top_k min_p repeat_penalty frequency_penalty presence_penalty seed
        max_tokens logprobs top_logprobs""".split()  # noqa: SIM905
    )

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

        Only the name where the file is not there, as on a machine that only replays.
        """
        import hashlib

        if not self.path.exists():
            return {"name": self.model_name}
        template = self._template_source() or ""
        return {
            "name": self.model_name,
            "sha256": sha256_of(self.path),
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
        load = LoadOptions(self.n_gpu_layers, self.main_gpu, self.tensor_split)
        options = ContextOptions(self.n_ctx, self.n_batch, self.n_threads)
        self._engine = open_engine(self.path, load, options)
        return self._engine

    @property
    def template(self) -> ChatTemplate:
        """Its chat template.

        Raises:
            ConfigError: the file has none, and none was given.
            ModelFileError: it does not work.
        """
        engine = self.engine
        known = self._template
        if known is None or known[:2] != (id(engine), self.chat_template):
            source = self._template_source()
            if not source:
                raise ConfigError(
                    f"{self.model_name} has no chat template: it may be a base model",
                    hint="use an instruct model, or give chat_template='chatml' or jinja2 text",
                )
            template = ChatTemplate(source, engine.weights, self.model_name)
            known = self._template = (id(engine), self.chat_template, template)
        return known[2]

    def _template_source(self) -> str | None:
        if self.chat_template == "chatml":
            return CHATML
        if self.chat_template is not None:
            return self.chat_template
        source = check_gguf(self.path).metadata.get("tokenizer.chat_template")
        return source if isinstance(source, str) else None

    def render(self, messages: Sequence[BaseMessage]) -> str:
        """Exactly the text that the model reads for ``messages``."""
        return self.template.text(messages)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens ``text`` has, by the model's own tokenizer."""
        return len(self.engine.weights.tokenize(text))

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """How many tokens the prompt made of ``messages`` has, template included."""
        return len(self.template.tokens(messages))

    def log_likelihood(self, messages: LanguageModelInput, answer: str) -> dict[str, float]:
        """How likely ``answer`` is after ``messages``, in one pass.

        Returns:
            ``mean``: the mean natural log-probability of its tokens; ``agree``: the share of them
            that the model would have taken at temperature 0; ``tokens``: how many there are.
        """
        prompt = self.template.tokens(self._convert_input(messages).to_messages())
        tokens = self.engine.weights.tokenize(answer)
        score = self.engine.score(prompt, tokens)
        agreed = [mine == theirs for mine, theirs in zip(tokens, score.likeliest, strict=True)]
        count = max(len(tokens), 1)
        return {
            "mean": sum(score.logprobs) / count,
            "agree": sum(agreed) / count,
            "tokens": len(tokens),
        }

    # -- calls -------------------------------------------------------------------------------

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs)
        with closing(self.engine.generate(request)) as pieces:
            return _result(message_of(list(pieces), request, self.model_name))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = self._request(messages, stop, kwargs)
        async with aclosing(self.engine.agenerate(request)) as pieces:
            found = [piece async for piece in pieces]
        return _result(message_of(found, request, self.model_name))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs)
        with closing(self.engine.generate(request)) as pieces:
            for piece in pieces:
                chunk = chunk_of(piece, request, self.model_name)
                if run_manager and piece.text:
                    run_manager.on_llm_new_token(piece.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        request = self._request(messages, stop, kwargs)
        async with aclosing(self.engine.agenerate(request)) as pieces:
            async for piece in pieces:
                chunk = chunk_of(piece, request, self.model_name)
                if run_manager and piece.text:
                    await run_manager.on_llm_new_token(piece.text, chunk=chunk)
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
    ) -> Request:
        check_parameters(given, self._PER_CALL | FORMATS, self.model_name)
        fields = {name: value for name, value in given.items() if name in self._PER_CALL}
        now = self._with(fields) if fields else self
        stops = self.stop if stop is None else stop
        return Request(
            tokens=tuple(self.template.tokens(messages)),
            sampling=Sampling(
                seed=secrets.randbits(31) if now.seed is None else now.seed,
                temperature=now.temperature,
                top_p=now.top_p,
                top_k=now.top_k,
                min_p=now.min_p,
                repeat_penalty=now.repeat_penalty,
                frequency_penalty=now.frequency_penalty,
                presence_penalty=now.presence_penalty,
            ),
            max_tokens=now.max_tokens,
            stop=(stops,) if isinstance(stops, str) else tuple(stops or ()),
            constraint=constraint_of({k: v for k, v in given.items() if k in FORMATS}),
            top_logprobs=(now.top_logprobs or 0) if now.logprobs or now.top_logprobs else None,
        )

    def _with(self, fields: dict[str, Any]) -> GGUFChatModel:
        """Fields given with a call, checked as those of the model are."""
        base = {name: getattr(self, name) for name in self._PER_CALL}
        try:
            return GGUFChatModel(path=self.path, spec=self.spec, **(base | fields))
        except ValidationError as error:
            raise wrong_parameter(error, self.model_name) from error


def wrong_parameter(error: ValidationError, model: str) -> ConfigError:
    """The first thing pydantic found wrong with a parameter, as a sentence."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "parameters"
    told = first["msg"][0].lower() + first["msg"][1:]
    return ConfigError(f"{model}: {name}={first['input']!r} is wrong: {told}")


def _result(message: AIMessage) -> ChatResult:
    info = {"finish_reason": message.response_metadata["finish_reason"]}
    return ChatResult(generations=[ChatGeneration(message=message, generation_info=info)])


def create(path: Path, spec: str, **params: Any) -> GGUFChatModel:
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
        return GGUFChatModel(path=path, spec=spec, **params)
    except ValidationError as error:
        raise wrong_parameter(error, spec) from error
