"""A cited answer with hosted models: Cohere embeds, reranks and answers with its own citations.

It needs COHERE_API_KEY and the extra: uv sync --extra cohere. With a server of your own:
python examples/rag_hosted.py http://localhost:8080. The same on this machine is examples/rag.py.
"""

import sys

from agentlab import load_embeddings, load_model
from agentlab.evaluation.demo import demo_documents
from agentlab.models.reranker import load_reranker
from agentlab.rag import Index, create_rag

server = {"base_url": sys.argv[1]} if len(sys.argv) > 1 else {}
film = [document for document in demo_documents() if document.id.startswith("film/")]
index = Index.from_documents(film, load_embeddings("cohere:embed-v4.0", **server))
reranker = load_reranker("cohere:rerank-v3.5", **server)
model = load_model("cohere:command-a-03-2025", **server)
rag = create_rag(model, index.as_retriever(k=3, rerank=reranker, rerank_weight=1))

result = rag.invoke("How much did Interstellar cost, and what did it bring in?")
print(result["answer"])
for citation in result["citations"]:
    start, end = citation["span"]
    print(f"[{citation['number']}] {citation['file']}:{start}-{end}: {citation['quote']}")
