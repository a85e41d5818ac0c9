"""Reading the forms in which models give sentences with sources, and the grammar of one."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from agentlab.engine.constraint import compile_lark
from agentlab.rag.citing import NOT_FOUND, Claim
from agentlab.rag.forms import LinesReader, grammar, of_json, of_marks, of_message
from tests.agents.parts import accepts

LINES = "[1][3] The pump runs at night. It hums.\n[2] Cats purr.\n"


def read(text: str, *cuts: int, cut: bool = False) -> list[Claim]:
    reader = LinesReader()
    places = [0, *sorted(min(place, len(text)) for place in cuts), len(text)]
    claims: list[Claim] = []
    for start, end in itertools.pairwise(places):
        claims += reader.take(text[start:end])
    return [*claims, *reader.end(cut=cut)]


@given(st.lists(st.integers(0, len(LINES))))
def test_lines_are_read_whatever_the_pieces(cuts: list[int]) -> None:
    assert read(LINES, *cuts) == [
        Claim("The pump runs at night.", (1, 3)),
        Claim("It hums.", (1, 3)),
        Claim("Cats purr.", (2,)),
    ]


def test_a_line_that_was_cut_is_left_out() -> None:
    assert read("[1] One is here.\n[2] Two was c", cut=True) == [Claim("One is here.", (1,))]
    assert read("[1] One is here. And it g", cut=True) == [Claim("One is here.", (1,))]


def test_nothing_was_found() -> None:
    assert read(NOT_FOUND) == of_marks(NOT_FOUND) == of_message(AIMessage(NOT_FOUND)) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("It hums [1]. It runs [2][3].", [("It hums.", (1,)), ("It runs.", (2, 3))]),
        ("It hums. [1] It runs. [2, 3]", [("It hums.", (1,)), ("It runs.", (2, 3))]),
        ("It [1] hums [1] and runs [2] here.", [("It hums and runs here.", (1, 2))]),
        ("It hums.", [("It hums.", ())]),
        ("A list[0] is no mark of a [link].", [("A list is no mark of a [link].", (0,))]),
    ],
)
def test_marks(text: str, claims: list[tuple[str, tuple[int, ...]]]) -> None:
    assert of_marks(text) == [Claim(*claim) for claim in claims]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for claim in [*of_marks(text), *read(text), *of_message(AIMessage(text))]:
        assert isinstance(claim.text, str)


def test_json() -> None:
    value = {"sentences": [{"text": "It hums [2]. It runs.", "sources": [1]}]}
    assert of_json(value) == [Claim("It hums.", (1,)), Claim("It runs.", (1,))]


def test_cohere_citations_go_to_the_sentences_they_are_in() -> None:
    text = "The pump hums. It runs at night. Goodbye."
    sources = [{"type": "document", "id": "2"}, {"type": "document", "id": "1"}]
    citations = [
        {"start": 4, "end": 8, "text": "pump", "sources": sources},
        {"start": 9, "end": 20, "text": "hums. It ru", "sources": [{"id": "3"}, {"id": "x"}]},
        {"start": None, "end": 3, "sources": [{"id": "9"}]},
        "nonsense",
    ]
    message = AIMessage(text, additional_kwargs={"citations": citations})
    assert of_message(message) == [
        Claim("The pump hums.", (2, 1, 3)),
        Claim("It runs at night.", (3,)),
        Claim("Goodbye.", ()),
    ]


@pytest.mark.model
def test_the_grammar_lets_no_other_number_through(smollm2: BaseChatModel) -> None:
    line = r"(\[[127]\]){1,3} [^\[\]<>\n]+[.!?]"
    asked = "Write three facts about pumps, each with the sources [4], [5] and [6]."
    seen = set()
    for seed in range(10):
        model = smollm2.model_copy(update={"temperature": 1.0, "seed": seed, "max_tokens": 32})
        answer = model.invoke(asked, lark=grammar([1, 2, 7]))
        whole = answer.response_metadata["finish_reason"] == "stop"
        lines = answer.text.split("\n") if whole else answer.text.split("\n")[:-1]
        for one in lines:
            assert one == NOT_FOUND or re.fullmatch(line, one), answer.text
        begun = re.match(r"(\[[127]\])+|The documents", answer.text)
        assert begun, answer.text
        seen.add(begun[0])
    assert len(seen) > 1  # it is the model that chooses


def test_the_grammar_compiles_for_many_sources() -> None:
    compile_lark(grammar(range(1, 101)))
    compile_lark(grammar([1]))


@pytest.mark.parametrize("short", [False, True])
def test_what_the_sources_are_written_in_can_be_cited(short: bool) -> None:
    """Brackets, and the full stops of Chinese and Japanese; never a mark or a control token."""
    begin = "Answer: x\n" if short else ""
    plain = grammar([1], "A plain text.", short=short)
    code = grammar([1], "Use List[int] and <b>.", short=short)
    wide = grammar([1], "泵在夜间运行。", short=short)
    for text, fits in (
        ("[1] Use List[int] and a <b> for it.", {code}),
        ("[1] 泵在夜间运行。", {wide}),
        ("[1] 他说「泵在夜间运行。」", {wide}),
        ("[1] It runs [2] at night.", set()),
        ("[1] It runs <|im_end|> at night.", set()),
        ("[1] It runs at night.", {plain, code, wide}),
    ):
        for each in (plain, code, wide):
            assert accepts(each, begin + text) is (each in fits), (text, each)


def test_a_sentence_that_had_to_end_is_not_called_whole() -> None:
    text = f"A{'b' * 300}"
    assert read(f"[1] {text}.") == [Claim(f"{text}…", (1,))]
    noted = "see [note] " * 29 + "end."
    assert read(f"[1] {noted}") == [Claim(noted, (1,))]
    assert read(f"[1] {text[1:]}.") == [Claim(f"{text[1:]}.", (1,))]
