"""Techniques of retrieval on the demo corpus: what they search, as a tree, and a router.

With a model of your own: python examples/advanced_rag.py gguf:MODEL.gguf, or openai:NAME.
"""

import sys

from agentlab import Route, load_model, multi_query, route
from agentlab.evaluation.demo import demo_documents
from agentlab.rag import Index
from agentlab.rag.techniques import as_mermaid, as_text

model = load_model(sys.argv[1] if len(sys.argv) > 1 else "smollm2", temperature=0)
documents = demo_documents()


def index_of(folder: str) -> Index:
    """The documents of one folder of the corpus."""
    return Index.from_documents([d for d in documents if d.metadata["id"].startswith(folder)])


handbook, film = index_of("handbook"), index_of("film")
found = multi_query(model, handbook.as_retriever(k=3), n=2).search(
    "Do I get more days off or days ill?"
)
print(as_text(found.plan))
print(as_mermaid(found.plan).splitlines()[0])

router = route(
    {
        "handbook": Route(
            handbook,
            "rules for employees",
            [
                "How many days of leave do I get?",
                "Who pays for my hotel?",
                "When must I be at work?",
                "What do I do when I am ill?",
            ],
        ),
        "film": Route(
            film,
            "the film Interstellar",
            [
                "Who directed the film?",
                "Which actor plays the pilot?",
                "What did the film earn?",
                "Who wrote the music of the film?",
            ],
        ),
    }
)
for question in ("How many days may I work from home?", "Who plays Murph in the film?", "2 + 2?"):
    found = router.search(question)
    print(question, "->", ", ".join(found.routes) or found.declined)
