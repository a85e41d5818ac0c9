"""Short answers beside the sentences: their form, and that the documents hold them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from agentlab import load_model
from agentlab.engine.constraint import compile_lark
from agentlab.errors import ConfigError
from agentlab.prompts import load_prompt
from agentlab.rag import create_rag
from agentlab.rag.citing import Claim, holds_short
from agentlab.rag.forms import LinesReader, grammar, schema
from tests.rag.techniques.parts import saying

DOCUMENTS = RunnableLambda(
    lambda question: [
        Document("The film Gull was directed by Mara Lind.", id="film"),
        Document("Mara Lind was born in Tromso in 1971.", id="lind"),
    ]
)
QUESTION = "In which town was the director of Gull born?"


def told(short: str, text: str = "Mara Lind was born in Tromso.", source: int = 2) -> Any:
    return {"sentences": [{"text": text, "sources": [source]}], "short": short}


def test_it_stands_beside_the_sentences() -> None:
    result = create_rag(saying(told("Tromso")), DOCUMENTS, short=True).invoke(QUESTION)
    assert result["short"] == {"text": "Tromso", "supported": True}
    assert result["answer"] == "Mara Lind was born in Tromso [2]."
    plain = create_rag(saying({"sentences": []}), DOCUMENTS).invoke(QUESTION)
    assert "short" not in plain


@pytest.mark.parametrize("given", [told("Bergen"), told("1972"), told(""), told("Tromso", "Cats.")])
def test_what_the_documents_do_not_hold_is_told(given: Any) -> None:
    assert (
        create_rag(saying(given), DOCUMENTS, short=True).invoke(QUESTION)["short"]["supported"]
        is False
    )


def test_yes_and_what_the_question_offers_hold() -> None:
    assert holds_short("yes", "Is it?", ["It is."], 0.6)
    assert holds_short("Arle", "Is Arle or Finch older?", ["It was founded in 1931."], 0.6)
    assert not holds_short("yes", "Is it?", [], 0.6)


def test_lines_begin_with_it_whatever_the_pieces() -> None:
    text = "Answer: Tromso\n[1] Mara Lind made it.\n[2] She is of Tromso."
    for cut in range(len(text)):
        reader = LinesReader()
        claims = [*reader.take(text[:cut]), *reader.take(text[cut:]), *reader.end()]
        assert claims == [Claim("Mara Lind made it.", (1,)), Claim("She is of Tromso.", (2,))]
        assert reader.short == "Tromso"


def test_the_grammar_compiles_and_the_schema_asks_for_it() -> None:
    for must in (False, True):
        compile_lark(grammar([1, 2], must=must, short=True))
    assert schema([1], short=True)["required"] == ["short", "sentences"]


def test_a_local_model_is_shown_how() -> None:
    model = load_model("smollm2")
    for short, name in ((True, "rag/short"), (False, "rag/answer")):
        rag = create_rag(model, DOCUMENTS, short=short)
        assert (rag.prompt.name, rag.takes_history) == (name, True)
    for form in load_prompt("rag/short").render({"question": QUESTION, "context": ["a"]}):
        if form.type == "ai":
            assert LinesReader().take(f"{form.text}\n")
            assert form.text.startswith("Answer: ")


def test_models_that_cannot() -> None:
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    with pytest.raises(ConfigError, match="no short answers"):
        create_rag(FakeListChatModel(responses=["x"]), DOCUMENTS, short=True)


@pytest.mark.model
def test_the_real_model_gives_one() -> None:
    model = load_model("smollm2", temperature=0, max_tokens=120)
    rag = create_rag(model, DOCUMENTS, short=True, min_support=0.01)
    result = rag.invoke(QUESTION)
    said = result["messages"][-1].response_metadata
    assert said["finish_reason"] == "stop"
    assert 0 < len(result["short"]["text"]) <= 80


def test_what_the_prompts_own_examples_say_is_left_out() -> None:
    def asked(given: Any, documents: Any = DOCUMENTS) -> dict[str, Any]:
        return create_rag(saying(given), documents, prompt="rag/short", short=True).invoke(QUESTION)

    lines = ["The pump at Vik runs at night.", "Mara Lind was born in Tromso.", "Cats are grey."]
    result = asked(
        {"short": "Tromso", "sentences": [{"text": line, "sources": [2]} for line in lines]}
    )
    assert result["answer"] == "Mara Lind was born in Tromso [2]. Cats are grey [unsupported]."
    assert [sentence["text"] for sentence in result["sentences"]] == lines[1:]
    only = asked(told("x", lines[0]))
    assert (only["answer"], only["sentences"]) == ("The documents do not say.", [])
    vik = RunnableLambda(lambda _question: [Document(lines[0], id="vik")])
    assert asked(told("night", lines[0], 1), vik)["answer"] == "The pump at Vik runs at night [1]."
