"""What the scenarios of advanced_rag.yaml run: techniques over a few notes."""

from __future__ import annotations

import math
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda

from agentlab.rag.quoting import words_of
from agentlab.rag.techniques import (
    Route,
    Technique,
    as_text,
    multi_hop,
    multi_query,
    rewrite,
    route,
)

SEA = {
    "dolphins": "Bottlenose dolphins can hold their breath for about ten minutes.",
    "whales": "A sperm whale dives for an hour or more before it has to breathe.",
    "seals": "Seals sleep in the water and come up for air without waking.",
}
CHIPS = {
    "nvidia-2020": "In its fiscal year 2020 NVIDIA had a revenue of 10.9 billion dollars.",
    "nvidia-2023": "In its fiscal year 2023 NVIDIA had a revenue of 27.0 billion dollars.",
    "nvidia": "NVIDIA was founded in 1993 and designs graphics processors.",
    "tsmc": "TSMC makes chips that other companies design.",
}
VANS = {
    "makers": "Two makers of electric vans have their works in Halden: Norra and Velt.",
    "norra": "Norra sold 4,100 electric vans in 2023.",
    "velt": "Velt sold 2,750 electric vans in 2023.",
    "halden": "Halden is a town on the Iddefjord.",
}
HANDBOOK = {
    "leave": "Each employee has 27 days of paid leave a year.",
    "hours": "The working week of an employee has 37.5 hours.",
    "sick": "An employee who is ill tells the manager by nine o'clock.",
}
CUSTOMERS = {
    "c-1001": "The customer Berge Boats has an unpaid invoice of 420 euros.",
    "c-1002": "The customer Lind Bakery moved to Porto and has no invoice open.",
}
ROUTES = {
    "handbook": (
        HANDBOOK,
        "rules for employees",
        (
            "How many days of leave do I get?",
            "When do I have to be at work?",
            "What do I do when I am ill?",
            "Can I work from home?",
            "Who approves my holidays?",
        ),
    ),
    "customers": (
        CUSTOMERS,
        "records of customers",
        (
            "Which customer has not paid?",
            "Where is the customer's office?",
            "What did this customer order?",
            "Does the bakery owe us money?",
            "Show the invoices of a client.",
        ),
    ),
}


class Notes(BaseRetriever):
    """The notes with most of the query's words; a word that is in fewer of them counts more."""

    texts: dict[str, str]
    k: int = 2

    @property
    def identity(self) -> dict[str, Any]:
        return {"notes": sorted(self.texts), "k": self.k}

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        wanted = words_of(query)
        held = {name: words_of(text) & wanted for name, text in self.texts.items()}
        rare = {word: sum(word in words for words in held.values()) for word in wanted}
        scores = {n: sum(1 / math.log2(1 + rare[w]) for w in words) for n, words in held.items()}
        best = sorted((name for name in scores if scores[name]), key=lambda name: -scores[name])
        return [
            Document(self.texts[n], id=n, metadata={"source": n, "score": round(scores[n], 3)})
            for n in best[: self.k]
        ]


def searched(technique: Technique) -> Any:
    """What a technique finds: the plan as the text, documents, routes, and why it declined."""

    def search(question: str) -> dict[str, Any]:
        found = technique.search(question)
        return {
            "answer": as_text(found.plan),
            "plan": found.plan,
            "documents": [{"id": d.id, "text": d.page_content} for d in found.documents],
            "routes": list(found.routes),
            "declined": found.declined,
        }

    return RunnableLambda(search)


def rewriting(model: Any) -> Any:
    """A chatty question."""
    return searched(rewrite(model, Notes(texts=SEA)))


def querying(model: Any) -> Any:
    """A question of two years."""
    return searched(multi_query(model, Notes(texts=CHIPS)))


def hopping(model: Any) -> Any:
    """A question that fans out."""
    return searched(multi_hop(model, Notes(texts=VANS, k=1)).retriever)


def routing() -> Any:
    """The handbook, the customers, or nothing: by examples."""
    return searched(route(_routes(), threshold=0.6))


def routing_by_model(model: Any) -> Any:
    """The same, chosen by a model."""
    return searched(route(_routes(), model=model, by="model"))


def _routes() -> dict[str, Route]:
    return {
        name: Route(Notes(texts=texts), about, examples)
        for name, (texts, about, examples) in ROUTES.items()
    }
