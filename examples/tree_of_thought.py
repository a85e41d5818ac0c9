"""A search over thoughts: several next steps, judged, and the promising ones followed."""

from agentlab import load_model, tree_of_thought

model = load_model("smollm2", seed=7, max_tokens=160)
tree = tree_of_thought(model, breadth=2, depth=2, search="beam", keep=1, max_calls=12)

result = tree.invoke("Make 24 out of the numbers 4, 6 and 1.")
print(result["picture"])  # * is the way to the answer, x was given up
print("answer:", result["answer"])
print("score:", result["score"], "| calls:", result["usage"]["model_calls"])
