"""What kind a question is, told without a model: by signs in its words, then by examples.

Names and numbers are taken out before a question is compared with the examples, so that how it is
built counts and not what it is about. In doubt it is the simple kind, which costs least.
"""

from __future__ import annotations

import re
from typing import Literal

from langchain_core.embeddings import Embeddings

from agentlab.rag.techniques.examples import ExampleIndex

Kind = Literal["single", "comparison", "chain"]
_MARGIN = 0.02  # by how much another kind must be nearer than the simple one

EXAMPLES: dict[str, tuple[str, ...]] = {
    "single": (
        "How many days of leave do I get?",
        "Who founded Arden?",
        "When was the Arden bridge opened?",
        "What is the capital of Arden?",
        "How do I reset the pump?",
        "Where can I hand in a broken phone?",
        "What does the form ask for?",
        "How high is Mount Arden?",
        "Which actor plays the captain?",
        "Why does the sea look blue?",
        "Is lunch paid for on journeys?",
        "What is the name of the ship's robot?",
        "How long does the warranty last?",
        "Who won the prize for best music?",
    ),
    "comparison": (
        "Are Arden and Brill both painters?",
        "Which is longer, the Arden or the Brill?",
        "Who was born first, Arden or Brill?",
        "Do Arden and Brill have the same nationality?",
        "How did sales change between 2011 and 2014?",
        "What is the difference between the two contracts?",
        "Which of the two towns has more people?",
        "Compare the income of Arden with that of Brill.",
        "Were the two companies founded in the same year?",
        "Is the new pump louder than the old one?",
        "Which makers of pumps grew in 2011 and in 2012?",
        "What are the prices of Arden, Brill and Colm?",
    ),
    "chain": (
        "Where was the director of the film Arden born?",
        "Who is the wife of the man who founded Arden?",
        "In which country is the town where the composer of Arden died?",
        "The song was written for a film that was made in which year?",
        "What is the population of the city where the team of Arden plays?",
        "Which university did the author of the book about Arden attend?",
        "Who leads the company that makes the car that Arden drives?",
        "What nationality was the architect of the house in which Arden lived?",
        "The actor who plays the captain in Arden is also known for what role?",
        "What award did the singer win whose first album was Arden?",
        "When did the river flood on which the birthplace of Arden lies?",
        "Which band's drummer is the brother of the painter of Arden?",
    ),
}
_BOTH = re.compile(
    r"^\W*(are|were|is|was|do|does|did|have|has)\b.*\b(both|same)\b|"
    r"\b(which|who|what)\b.*(,|\bof\b|\bbetween\b).*\b\w+ or \w+|"
    r"\bcompare\b|\bdifference between\b|\bbetween (?:\d{4}|[A-Z]\S*) and\b|\bversus\b|\bvs\.?\b|"
    r"\b\d{4} (?:and|or|to) (?:in )?\d{4}\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_][\w'’.-]*")
_NAMES = ("Arden", "Brill", "Colm")


class Kinds:
    """Tells kinds; embeds its examples when first asked."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._examples = ExampleIndex(EXAMPLES, embeddings)

    def of(self, question: str) -> Kind:
        """The kind of ``question``."""
        if _BOTH.search(question):
            return "comparison"
        near: dict[str, float] = dict(self._examples.guesses(masked(question)))
        best = max(near, key=lambda name: near[name])
        if near[best] < near["single"] + _MARGIN:
            return "single"
        return "comparison" if best == "comparison" else "chain"


def masked(question: str) -> str:
    """``question`` with a stand-in for each name: words with a capital that do not begin it."""
    known: dict[str, str] = {}
    out: list[str] = []
    begin, name = True, False
    for token in question.split():
        word = _WORD.search(token)
        is_name = word is not None and not begin and (word[0][0].isupper() or word[0][0].isdigit())
        begin = False
        if word is None or not is_name:
            out.append(token)
            name = False
            continue
        if not name:  # names of several words have one stand-in
            stand = known.setdefault(word[0], _NAMES[len(known) % len(_NAMES)])
            out.append(token.replace(word[0], stand))
        elif token[-1] in ",?.!;":
            out[-1] += token[-1]
        name = token[-1] not in ",;"
    return " ".join(out)
