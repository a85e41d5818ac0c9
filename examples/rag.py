"""A cited answer from documents: each sentence says where it is from, and was looked for there.

With a model of your own: python examples/rag.py gguf:MODEL.gguf, or openai:NAME, or cohere:NAME.
"""

import sys

from agentlab import load_model
from agentlab.evaluation.demo import demo_documents
from agentlab.rag import Index, create_rag

model = load_model(sys.argv[1] if len(sys.argv) > 1 else "smollm2")
index = Index.from_documents(demo_documents())
rag = create_rag(model, index.as_retriever(k=3, mode="hybrid"))

result = rag.invoke("How many days of paid leave does each employee have?")
print(result["answer"])
for citation in result["citations"]:
    start, end = citation["span"]
    print(f"[{citation['number']}] {citation['file']}:{start}-{end}: {citation['quote']}")
