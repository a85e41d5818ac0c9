"""The forms in which a model gives sentences with their sources, and reading each of them.

``lines``   a local model: ``[2] The sentence.``, a line each, under a grammar of the numbers
``json``    a model with structured output: the numbers are an enum of the schema
``native``  Cohere: the documents go beside the messages, and its own citations come back
``marks``   any other model: ``The sentence [2].``; numbers that are no source are left out
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from agentlab.rag.citing import NOT_FOUND, Claim
from agentlab.rag.sentences import sentence_spans
from agentlab.rag.sources import Source

Form = Literal["lines", "json", "native", "marks"]
_MOST_SENTENCES = 3
_LONGEST = 300  # characters of a line
SHORT = "Answer: "  # begins the line of the short answer, which is the first: a model that has
# written its sentences wants to end, and held to go on it rambles
_SHORTEST = 80  # characters of it
_FEW = "the answer in as few words as possible: a name, a date, a number, yes or no"
_WIDE = "。！？"  # full stops of Chinese and Japanese
_MARKS = re.compile(r"\s*((?:\[\d{1,4}(?:\s*,\s*\d{1,4})*\]\s*)+)")
_LINE = re.compile(r"((?:\[\d{1,4}\])*)\s*(.*)", re.DOTALL)


def form_of(model: BaseChatModel) -> Form:
    """The form that suits ``model`` best."""
    if model._llm_type == "gguf":
        return "lines"
    if any(cls.__name__ == "ChatCohere" for cls in type(model).__mro__):
        return "native"
    own = type(model)
    structured = own.with_structured_output is not BaseChatModel.with_structured_output
    return "json" if structured or own.bind_tools is not BaseChatModel.bind_tools else "marks"


def bound(
    model: Runnable[Any, Any],
    form: Form,
    sources: Sequence[Source],
    must: Sequence[int] = (),
    *,
    short: bool = False,
) -> Runnable[Any, Any]:
    """``model``, so that it answers in ``form`` from ``sources``.

    In ``lines`` it ``must`` answer from these numbers alone, if there are any.
    """
    numbers = must or [source.number for source in sources]
    if form == "lines":
        texts = "\n".join(source.text for source in sources)
        return model.bind(lark=grammar(numbers, texts, must=bool(must), short=short))
    if form == "native":
        data = [{"id": str(s.number), "data": {"text": s.shown}} for s in sources]
        return model.bind(documents=data)
    return model


def grammar(
    numbers: Sequence[int], texts: str = "", *, must: bool = False, short: bool = False
) -> str:
    """A Lark grammar: lines that begin with one to three of ``numbers``.

    Or :data:`NOT_FOUND`, unless it ``must`` be lines. With ``short`` a line with the short answer
    is before them. Brackets and the full stops of Chinese and Japanese can be written where
    ``texts``, the sources, have them.
    """
    ids = " | ".join(f'"[{number}]"' for number in numbers)
    none = "" if must else f'NONE: "{NOT_FOUND}"\n'
    first = ("" if must else "NONE | ") + ('SHORT "\\n" ' if short else "")
    given = f'SHORT: "{SHORT}" /{_text(texts, _SHORTEST - 1)}/\n' if short else ""
    wide = any(mark in texts for mark in _WIDE)
    if short and not wide:
        sentence = _one_sentence(texts)
    else:
        end = f"[.!?{_WIDE}][」』”’）]?" if wide else "[.!?]"
        sentence = _text(texts, _LONGEST) + end
    return (
        f'start: {first}sentence ("\\n" sentence){{0,{_MOST_SENTENCES - 1}}}\n'
        f"{none}{given}"
        'sentence: source{1,3} " " TEXT\n'
        f"source: {ids}\n"
        f"TEXT: /{sentence}/\n"
    )


def _one_sentence(texts: str) -> str:
    """The pattern of one sentence.

    A full stop ends it where a space and no small letter follow: small models copy whole documents.
    """
    never, brackets = _brackets(texts)
    inner = rf"[^{never}\n.!?]|{brackets}[.!?]([^{never}\s]| [a-z])"
    return rf"[^{never}\s.!?]({inner}){{0,200}}[.!?]"


def _text(texts: str, most: int) -> str:
    """The pattern of a text, still open."""
    never, brackets = _brackets(texts)
    inner = rf"({brackets}[^{never}\n])" if brackets else rf"[^{never}\n]"
    return rf"[^{never}\s]{inner}{{0,{most}}}"


def _brackets(texts: str) -> tuple[str, str]:
    """What no character may be, and how brackets can be written all the same.

    Never so that they look like a source's number, or like a control token.
    """
    never = "".join(mark for mark in "[]<>" if mark in "[<" or mark not in texts)
    opening = r"\[[^\[\]<>\n0-9]|" if "[" in texts else ""
    opening += r"<[^\[\]<>\n|]|" if "<" in texts else ""
    return never.replace("[", r"\[").replace("]", r"\]"), opening


def schema(numbers: Sequence[int], *, short: bool = False) -> dict[str, Any]:
    """The JSON schema of an answer: sentences, each with its sources out of ``numbers``."""
    few = {"type": "string", "maxLength": _SHORTEST, "description": _FEW}
    more = {"short": few} if short else {}
    sentence = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "one sentence of the answer"},
            "sources": {
                "type": "array",
                "items": {"type": "integer", "enum": list(numbers)},
                "description": "the numbers of the sources that say it",
            },
        },
        "required": ["text", "sources"],
        "additionalProperties": False,
    }
    return {
        "title": "cited_answer",
        "description": "An answer in sentences; none where the sources do not hold it.",
        "type": "object",
        "properties": {**more, "sentences": {"type": "array", "items": sentence}},
        "required": [*more, "sentences"],
        "additionalProperties": False,
    }


class LinesReader:
    """Reads ``lines`` as they come: a line is read when the next one begins.

    ``short`` is the short answer, once it was read.
    """

    def __init__(self) -> None:
        self._rest = ""
        self.short = ""

    def take(self, text: str) -> Iterator[Claim]:
        """The claims that ``text`` completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            yield from self._of(line)

    def end(self, *, cut: bool = False) -> Iterator[Claim]:
        """The last claims; those of a line that was ``cut`` have to be whole sentences."""
        line, self._rest = self._rest, ""
        claims = list(self._of(line))
        if cut and claims and claims[-1].text[-1] not in ".!?":
            claims.pop()
        yield from claims

    def _of(self, line: str) -> Iterator[Claim]:
        if line.startswith(SHORT):
            self.short = line.removeprefix(SHORT).strip()
        else:
            yield from _of_line(line)


def _of_line(line: str) -> Iterator[Claim]:
    match = _LINE.fullmatch(line.strip())
    if match is None or match[2] in ("", NOT_FOUND):
        return
    numbers = tuple(map(int, re.findall(r"\d+", match[1])))
    text = match[2]
    # Of a sentence that fills its room the full stop was all that could be written there. An
    # opening bracket and what follows it are one step of the grammar.
    if len(text.rstrip("」』”’）")) - text.count("[") - text.count("<") > _LONGEST + 1:
        text = f"{text[:-1].rstrip()}…"
    for start, end in sentence_spans(text):
        yield Claim(text[start:end], numbers)


def of_json(value: Mapping[str, Any]) -> list[Claim]:
    """The claims of an answer that fits :func:`schema`."""
    claims = []
    for sentence in value["sentences"]:
        text = without_marks(sentence["text"])
        for start, end in sentence_spans(text):
            claims.append(Claim(text[start:end], tuple(sentence["sources"])))
    return claims


def of_message(message: BaseMessage) -> list[Claim]:
    """The claims of free text: Cohere's citations where it has them, else the marks in it."""
    text = str(message.text)
    citations = message.additional_kwargs.get("citations")
    if not isinstance(citations, list) or not citations:
        return of_marks(text)
    return [
        Claim(text[start:end], tuple(_cited(citations, start, end)))
        for start, end in sentence_spans(text)
        if text[start:end] != NOT_FOUND
    ]


def _cited(citations: Sequence[Any], start: int, end: int) -> Iterator[int]:
    for citation in citations:
        if not isinstance(citation, Mapping):
            continue
        begin, stop = citation.get("start"), citation.get("end")
        if not isinstance(begin, int) or not isinstance(stop, int) or begin >= end or stop <= start:
            continue
        for source in citation.get("sources") or []:
            name = str(source.get("id", "")) if isinstance(source, Mapping) else ""
            if name.isdecimal():
                yield int(name[:6])


def of_marks(text: str) -> list[Claim]:
    """The claims of text with marks such as ``[2]`` in a sentence or right behind it."""
    claims: list[Claim] = []
    # A mark behind the full stop belongs to the sentence before it.
    text = re.sub(r"([.!?])((?:\s*\[\d[\d\s,]*\])+)", r"\2\1", text)
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        numbers = [int(n) for marks in _MARKS.findall(sentence) for n in re.findall(r"\d+", marks)]
        plain = without_marks(sentence)
        if plain and plain != NOT_FOUND:
            claims.append(Claim(plain, tuple(dict.fromkeys(numbers))))
    return claims


def without_marks(text: str) -> str:
    """``text`` without marks such as ``[2]`` and ``[1][3]``."""
    return re.sub(r"\s+(?=[.!?,;:]|$)", "", _MARKS.sub(" ", text)).strip()
