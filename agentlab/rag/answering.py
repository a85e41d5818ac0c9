"""One answer, from the documents that were found to the result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from agentlab.errors import ContextOverflow, RunError
from agentlab.events import Event, Retrieved, Token, Usage, Warned
from agentlab.models._structured import was_cut
from agentlab.rag.asking import Asker
from agentlab.rag.citing import Checker, Claim, holding, holds_short
from agentlab.rag.forms import LinesReader, of_json, of_message
from agentlab.rag.question import read_question
from agentlab.rag.reading import Passage, SentenceReader
from agentlab.rag.relevance import Relevance
from agentlab.rag.sources import Source, number

Quote = Literal["never", "else", "always"]


class Answering:
    """Takes what the model writes, and gives the events and the result it makes.

    ``asks`` tells whether the model is still to be asked.
    """

    def __init__(
        self,
        asker: Asker,
        question: str,
        history: Sequence[BaseMessage],
        min_score: float | None,
        min_support: float,
        not_found: str,
        reader: SentenceReader | None = None,
        quote: Quote = "never",
        relevance: Relevance | None = None,
    ) -> None:
        self.asks = False
        self.quoted = False
        self._reader = reader
        self._quote = quote
        # A question within a conversation may not stand alone, so it is not judged alone.
        self._relevance = None if history else relevance
        self._held: list[Event] = []
        self._relevant: float | None = None
        self._best: Passage | None = None
        self._asker = asker
        self._question = question
        self._history = history
        self._min_score = min_score
        self._check = (min_support, not_found, asker.own_text)
        self._sources: list[Source] = []
        self._dropped: list[str] = []
        self._lines = LinesReader()
        self._checker = Checker([], *self._check)
        self._message: BaseMessage | None = None
        self._short = ""
        self._joint = False

    def retrieved(self, documents: Any, *, joint: bool = False) -> Retrieved:
        """Take what was found; ``joint`` documents answer only together.

        Raises:
            RunError: the retriever gave no documents.
        """
        if not isinstance(documents, list) or not all(isinstance(d, Document) for d in documents):
            raise RunError(
                f"the retriever gave {type(documents).__name__}, not a list of documents"
            )
        self._joint = joint
        if joint:  # no document alone answers the question
            self._relevance = None
        self._sources = number(documents, self._min_score)
        self._checker = Checker(self._sources, *self._check)
        self.asks = bool(self._sources)
        found = number(documents)
        return Retrieved(self._question, tuple(source.as_dict() for source in found))

    def read(self) -> None:
        """Have the documents read by the reranker, where what it finds matters."""
        if self._reader is None or not self._sources:
            return
        if self._quote != "never" or self._asker.form == "lines":
            self._best = self._reader.best(self._sources)
        self.asks = self.asks and self._quote != "always"

    @property
    def _must(self) -> Sequence[int]:
        """The documents that surely answer. A small model is too quick to say that none does, and
        then takes sentences from those that do not. Of documents that answer only together all
        may: the question does not tell the one that another leads to.
        """
        if self._best is None or self._reader is None:
            return ()
        found = self._reader.answering(self._sources)
        return [source.number for source in self._sources] if found and self._joint else found

    def chunks(self, config: RunnableConfig) -> Iterator[Any]:
        """Ask the model with the documents there are."""
        yield from self._asker.stream(self._messages(), self._sources, config, must=self._must)

    async def achunks(self, config: RunnableConfig) -> AsyncIterator[Any]:
        """:meth:`chunks`, asynchronously."""
        asked = self._asker.astream(self._messages(), self._sources, config, must=self._must)
        async for chunk in asked:
            yield chunk

    def _messages(self) -> list[BaseMessage]:
        return self._asker.messages(self._question, self._history, self._sources, must=self._must)

    def drop(self, error: ContextOverflow) -> None:
        """Leave out the last documents, since the prompt did not fit.

        Raises:
            ContextOverflow: there is one document only, or an answer had begun.
        """
        kept = len(self._sources) - 1
        if kept < 1 or self._message is not None:
            raise error
        if 0 < error.available < error.needed:
            kept = max(1, min(kept, len(self._sources) * error.available // error.needed))
        self._dropped = [s.id for s in self._sources[kept:]] + self._dropped
        self._sources = self._sources[:kept]
        self._checker = Checker(self._sources, *self._check)
        if self._best is not None and self._reader is not None:
            self._best = self._reader.best(self._sources)

    def take(self, chunk: Any) -> Iterator[Event]:
        """A piece of what the model writes."""
        if isinstance(chunk, dict):  # structured output: raw, parsed and parsing_error, whole
            self._keep(chunk["raw"])
            if chunk["parsing_error"] is not None:
                raise chunk["parsing_error"]
            self._short = str(chunk["parsed"].get("short", "")).strip()
            yield from self._checked(of_json(chunk["parsed"]))
            return
        self._keep(chunk)
        if self._asker.form == "lines":
            yield from self._checked(self._lines.take(str(chunk.text)))

    def ended(self, config: RunnableConfig) -> list[Event]:
        """All of :meth:`end`."""
        return list(self.end(config))

    def end(self, config: RunnableConfig | None = None) -> Iterator[Event]:
        """The model has ended, or was not asked. It is asked whether what it cites answers."""
        message = self._message
        cut = message is not None and was_cut(message)
        if self._asker.form == "lines":
            yield from self._checked(self._lines.end(cut=cut))
            self._short = self._lines.short
        elif message is not None and self._asker.form != "json":
            yield from self._checked(of_message(message))
        best = self._best
        if (
            best is not None
            and best.answers
            and self._quote != "never"
            and not self._checker.passed
        ):
            self.quoted = True
            yield from self._shown(self._checker.quote(best.source, best.span))
        if self._relevance is not None and self._checker.passed:
            with suppress(ContextOverflow):  # a very small context: then it is not checked
                self._relevant = self._relevance.of(self._question, self._evidence(), config)
            if self._relevant is not None and self._relevant < self._relevance.minimum:
                self._checker.refuse()
                self._held.clear()
                self.quoted = False
        yield from self._held
        for text in self._checker.end():
            yield Token(text)
        if self._dropped:
            count = len(self._dropped) + len(self._sources)
            yield Warned(
                f"{len(self._dropped)} of {count} documents did not fit the model's context: "
                "the last ones were left out",
                hint="retrieve fewer or smaller ones, or load the model with a larger n_ctx",
            )
        if cut:
            yield Warned("the answer was cut", hint="give the model a larger max_tokens")

    def result(self, usage: Usage) -> dict[str, Any]:
        """The result, once :meth:`end` was read."""
        checker, message = self._checker, self._message
        answer = AIMessage(
            checker.answer,
            additional_kwargs={"citations": checker.citations},
            response_metadata=message.response_metadata if message is not None else {},
            usage_metadata=getattr(message, "usage_metadata", None),
        )
        return {
            "answer": checker.answer,
            **({"short": self._checked_short()} if self._asker.short else {}),
            "citations": checker.citations,
            "sentences": checker.sentences,
            "supported": checker.supported,
            "relevance": self._relevant,
            "quoted": self.quoted,
            "documents": [source.as_dict() for source in self._sources],
            "contexts": [source.text for source in self._sources],
            "dropped": self._dropped,
            "usage": {
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "model_calls": usage.model_calls,
            },
            "messages": [HumanMessage(self._question), answer],
        }

    def _evidence(self) -> list[dict[str, Any]]:
        """What is cited, and where a short answer stands, which need not be in that."""
        held = holding(self._short, self._sources, self._check[0])
        return [*self._checker.citations, *held]

    def _checked_short(self) -> dict[str, Any]:
        texts = [source.whole for source in self._sources] if self._checker.citations else []
        held = holds_short(self._short, self._question, texts, self._check[0])
        return {"text": self._short, "supported": held}

    def _keep(self, piece: Any) -> None:
        """Put the message together."""
        if isinstance(self._message, AIMessageChunk) and isinstance(piece, AIMessageChunk):
            self._message = self._message + piece
        else:
            self._message = piece

    def _checked(self, claims: Iterator[Claim] | list[Claim]) -> Iterator[Event]:
        yield from self._shown(self._checker.take(claims))

    def _shown(self, texts: Iterator[str]) -> Iterator[Event]:
        """Tokens; held back where it is still to be asked whether they answer."""
        for text in texts:
            if self._relevance is None:
                yield Token(text)
            else:
                self._held.append(Token(text))


def peeked(
    asker: Asker, retriever: Runnable[Any, Any], given: Any, min_score: float | None
) -> list[BaseMessage]:
    """What ``asker``'s model would be shown for ``given``; of an empty question, all but itself."""
    asks = not isinstance(given, Mapping) or bool(str(given.get("input", "-")).strip())
    question, history = read_question(given if asks else {**given, "input": "-"})
    said: Any = question
    if getattr(retriever, "plans", False):
        said = {"input": question, "history": history}
    found = number(retriever.invoke(said), min_score) if asks else []
    messages = asker.messages(question, history, found)
    return messages if asks else messages[:-1]
