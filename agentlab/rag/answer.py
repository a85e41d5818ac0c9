"""``create_rag``: an answer from documents that were retrieved, each sentence with its sources."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from typing import Any, get_args

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    patch_config,
    run_in_executor,
)

from agentlab import cancellation
from agentlab.boundary import Reranker, recordable
from agentlab.chains.driving import adriven, driven
from agentlab.chains.happenings import Run
from agentlab.chains.usage import UsageCounter
from agentlab.errors import ConfigError, ContextOverflow, TurnCancelled
from agentlab.events import Answer, Event
from agentlab.models.reranker import load_reranker
from agentlab.prompts import Prompt, load_prompt
from agentlab.rag.answering import Answering, Quote, peeked
from agentlab.rag.asking import Asker, unbound
from agentlab.rag.citing import MIN_SUPPORT, NOT_FOUND
from agentlab.rag.finding import Finding
from agentlab.rag.forms import form_of
from agentlab.rag.question import read_question
from agentlab.rag.reading import SentenceReader
from agentlab.rag.relevance import MinRelevance, Relevance, relevance_of
from agentlab.rag.values import check_number, check_text

PROMPT = "rag/answer"
SHORT_PROMPT = "rag/short"


def create_rag(
    model: BaseChatModel | Runnable[Any, Any] | str,
    retriever: Any,
    prompt: str | Prompt | None = None,
    *,
    min_score: float | None = None,
    min_support: float = MIN_SUPPORT,
    not_found: str = NOT_FOUND,
    techniques: Any = (),
    reranker: str | Reranker | None = "minilm",
    quote: Quote = "never",
    short: bool = False,
    min_relevance: MinRelevance = "auto",
) -> Rag:
    """Answers to questions, from what ``retriever`` finds, each sentence checked and cited.

    A local model writes under a grammar of the numbers of the documents that were found; a hosted
    one under a schema with these numbers; Cohere's models give their own citations. So none can
    cite what was not retrieved. Then each sentence is looked for in the documents it cites, word by
    word (:mod:`agentlab.rag.quoting`); what is not there is marked ``[unsupported]``, unless it is
    in another document: then that one is cited. Where no sentence is supported, or nothing was
    found, the answer is ``not_found``.

    Args:
        model: a chat model, also with parameters bound to it, or its spec.
        retriever: any of LangChain's, or an index.
        prompt: takes ``question``, ``context`` (the documents' texts) and, if it likes, ``form``;
            by default ``rag/answer``, or ``rag/short`` for short answers of a local model.
        min_score: documents whose ``score`` is below it are not used.
        min_support: the share of a sentence's words that must be in the documents it cites.
        not_found: the answer where there is none.
        techniques: how it is searched: ``"auto"``, or a list of names and ``{name: options}``, the
            first outermost; see :mod:`agentlab.rag.techniques`. For ``route`` and ``agentic``,
            ``retriever`` may be several by name.
        reranker: what reads each sentence of the documents with the question, for local models and
            quotes. Where it finds one that answers, a local model has to answer. None: nothing.
        quote: ``else``: where the model gives no supported sentence and the reranker finds one, the
            answer quotes that and says so. ``always``: no model is asked at all.
        short: the model gives the answer in a few words too, before its sentences. For local models
            and those with structured output.
        min_relevance: the model is asked once more, for yes or no, whether what it cites answers
            the question; where the probability of yes is lower, the documents do not say. Its
            sentences are held back until then. ``auto``: 0.25 for local models but the one in the
            box, which cannot tell; no check for others. None: no check.

    Raises:
        ConfigError: a name is unknown, or a value is wrong.
    """
    if prompt is not None and not isinstance(prompt, Prompt):
        check_text("prompt", prompt)
    if not isinstance(short, bool):
        raise ConfigError(f"short must be True or False, not {short!r}")
    if reranker is not None and not hasattr(reranker, "rerank"):
        check_text("reranker", reranker)
    if min_score is not None:
        check_number("min_score", min_score)
    check_number("min_support", min_support, 0, 1, above=True)
    check_text("not_found", not_found, hint=f"by default it is {NOT_FOUND!r}")
    if quote not in get_args(Quote):
        raise ConfigError(f"quote is never, else or always, not {quote!r}")
    if quote != "never" and reranker is None:
        raise ConfigError("quotes need a reranker", hint="it is minilm by default")
    bare, kwargs = unbound(model)
    if techniques:
        from agentlab.rag.techniques.composing import compose

        retriever = compose(bare.bind(**kwargs) if kwargs else bare, retriever, techniques)
    plain = hasattr(retriever, "as_retriever") and not getattr(retriever, "plans", False)
    found = retriever.as_retriever() if plain else retriever
    if not isinstance(found, Runnable):
        raise ConfigError(
            f"an answer needs a retriever, not {type(retriever).__name__}",
            hint='for example Index.open("my-index").as_retriever(k=4)',
        )
    lines = short and form_of(bare) == "lines"
    asker = Asker(
        bare, kwargs, load_prompt(prompt or (SHORT_PROMPT if lines else PROMPT)), short=short
    )
    reads = reranker is not None and (quote != "never" or asker.form == "lines")
    reader = load_reranker(reranker) if reads and reranker is not None else None
    checks = (min_score, min_support, not_found)
    relevance = None if quote == "always" else relevance_of(asker.model, min_relevance)
    return Rag(asker, recordable(found), *checks, reader, quote, relevance)


class Rag(Runnable[Any, Any]):
    """See :func:`create_rag`.

    Its input is a text, ``{"input", "history"}`` or ``{"question", "history"}``. Only the question
    is looked up; the model is shown the history too. Its result is a dict:

    - ``answer``: the text, with marks such as ``[1]`` or ``[unsupported]`` in its sentences;
    - ``short``, where asked for: ``text``, the answer in a few words (a name, a number, yes or no),
      empty where there is none, and ``supported``: the documents and the question hold it;
    - ``citations``: each with ``number``, ``id``, ``title`` and ``file`` of its document, ``span``
      (where in the file its ``quote`` is, in characters, half open) and ``sentence``, an index in
    - ``sentences``: each with ``text``, ``supported``, ``support`` (a share of its words),
      ``sources`` (the numbers it cites) and ``corrected``: the model had cited others;
    - ``supported``: the share of the sentences that are; 0 where the documents do not say;
    - ``relevance``: the probability that what is cited answers the question, None where it was not
      checked;
    - ``quoted``: whether the answer quotes the documents, since the model found none;
    - ``documents``: those the model was shown, in order, each with ``number``, ``id``, ``text`` and
      its metadata; ``contexts``: their texts; ``dropped``: ids of those that did not fit;
    - ``usage``: ``input_tokens``, ``output_tokens`` and ``model_calls``;
    - ``messages``: what the turn adds to a conversation;
    - with techniques ``plan``, a tree of nodes with ``kind``, ``text``, ``note``, ``found`` and
      ``children``; ``routes``, those taken; ``declined``, why nothing was searched or used.
    """

    def __init__(
        self,
        asker: Asker,
        retriever: Runnable[Any, Any],
        min_score: float | None,
        min_support: float,
        not_found: str,
        reranker: Reranker | None = None,
        quote: Quote = "never",
        relevance: Relevance | None = None,
    ) -> None:
        self.name = "rag"
        self.model = asker.model
        self.retriever = retriever
        self.takes_history = asker.prompt.takes_history
        self._asker = asker
        self._checks = (min_score, min_support, not_found)
        self._reranker = reranker
        self._quote: Quote = quote
        self._relevance = relevance

    @property
    def prompt(self) -> Prompt:
        """What the model is asked by."""
        return self._asker.prompt

    def peek(self, input: Any) -> list[BaseMessage]:
        """What the model would be shown. A question is looked up; an empty one is left out."""
        return peeked(self._asker, self.retriever, input, self._checks[0])

    def __repr__(self) -> str:
        return f"Rag({self.retriever!r})"

    def invoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The result.

        Raises:
            ConfigError: the input is no question.
            RunError: the retriever or the model failed, or not even one document fits its context.
        """
        result: dict[str, Any] = {}
        for event in self.stream(input, config, **kwargs):
            if isinstance(event, Answer):
                result = event.value
        return result

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """:meth:`invoke`, asynchronously."""
        result: dict[str, Any] = {}
        async for event in self.astream(input, config, **kwargs):
            if isinstance(event, Answer):
                result = event.value
        return result

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Generator[Event, None, None]:
        """Answer, and yield what happens.

        ``Planned`` and ``Retrieved``; a ``Token`` a sentence, once it was checked (together they
        are the answer); ``Warned`` where documents did not fit or the answer was cut; ``Usage``;
        ``Answer`` with the result. Closing the iterator stops the model.
        """
        _refuse(kwargs)
        question, history = read_question(input)
        usage = UsageCounter()
        config = usage.attached_to(config)
        manager = get_callback_manager_for_config(config).on_chain_start(
            None, input, name=config.get("run_name") or "rag", run_id=config.pop("run_id", None)
        )
        inner = patch_config(config, callbacks=manager.get_child(), run_name="")
        answering = self._answering(question, history)
        try:
            finding = Finding(self.retriever, question, history)
            yield from finding.events(_named(inner, "retrieve"))
            yield answering.retrieved(finding.documents, joint=finding.joint)
            answering.read()
            while answering.asks:
                try:
                    # An error cancels the scope, so each attempt has its own.
                    with cancellation.child() as (scope, context):
                        run = Run({}, scope, context)
                        asked = answering.chunks(_named(inner, "answer"))
                        with closing(driven(asked, run)) as chunks:
                            for chunk in chunks:
                                yield from answering.take(chunk)
                except ContextOverflow as error:
                    answering.drop(error)
                else:
                    answering.asks = False
            if finding.answer is None:
                yield from answering.end(_named(inner, "relevance"))
            elif (rest := finding.rest()).text:
                yield rest
        except BaseException as error:
            manager.on_chain_error(_traced(error))
            raise
        result = finding.of_result(answering.result(usage.usage))
        manager.on_chain_end(result)
        yield usage.usage
        yield Answer(result)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncGenerator[Event, None]:
        """:meth:`stream`, asynchronously."""
        _refuse(kwargs)
        question, history = read_question(input)
        usage = UsageCounter()
        config = usage.attached_to(config)
        manager = await get_async_callback_manager_for_config(config).on_chain_start(
            None, input, name=config.get("run_name") or "rag", run_id=config.pop("run_id", None)
        )
        inner = patch_config(config, callbacks=manager.get_child(), run_name="")
        answering = self._answering(question, history)
        try:
            finding = Finding(self.retriever, question, history)
            async with aclosing(finding.aevents(_named(inner, "retrieve"))) as events:
                async for event in events:
                    yield event
            yield answering.retrieved(finding.documents, joint=finding.joint)
            await run_in_executor(inner, answering.read)
            while answering.asks:
                try:
                    with cancellation.child() as (scope, context):
                        run = Run({}, scope, context)
                        asked = answering.achunks(_named(inner, "answer"))
                        async with aclosing(adriven(asked, run)) as chunks:
                            async for chunk in chunks:
                                for event in answering.take(chunk):
                                    yield event
                except ContextOverflow as error:
                    answering.drop(error)
                else:
                    answering.asks = False
            if finding.answer is None:
                for event in await run_in_executor(inner, answering.ended, inner):
                    yield event
            elif (rest := finding.rest()).text:
                yield rest
        except BaseException as error:
            await manager.on_chain_error(_traced(error))
            raise
        result = finding.of_result(answering.result(usage.usage))
        await manager.on_chain_end(result)
        yield usage.usage
        yield Answer(result)

    def _answering(self, question: str, history: list[BaseMessage]) -> Answering:
        reader = None if self._reranker is None else SentenceReader(self._reranker, question)
        more: dict[str, Any] = {"quote": self._quote, "relevance": self._relevance}
        return Answering(self._asker, question, history, *self._checks, reader=reader, **more)

    # Within a sequence (`rag | …`) the next part is given the result, not the events.

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        """The result, of inputs that add up to one."""
        yield self.invoke(_added_up(list(input)), config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """:meth:`transform`, asynchronously."""
        parts = [part async for part in input]
        yield await self.ainvoke(_added_up(parts), config, **kwargs)


def _named(config: RunnableConfig, name: str) -> RunnableConfig:
    return {**ensure_config(config), "run_name": name}


def _traced(error: BaseException) -> BaseException:
    return TurnCancelled("closed by its reader") if isinstance(error, GeneratorExit) else error


def _added_up(parts: list[Any]) -> Any:
    if not parts:
        raise ConfigError("there is no question")
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def _refuse(arguments: dict[str, Any]) -> None:
    if arguments:
        raise ConfigError(
            f"an answer from documents has no argument {next(iter(arguments))!r}",
            hint="settings of the model go to load_model(…) or model.bind(…)",
        )
