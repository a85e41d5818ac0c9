"""A tree of thought in one prompt: three experts think step by step, and the answer comes apart."""

from agentlab import chain_of_thought, load_model

model = load_model("smollm2", temperature=0, seed=7, max_tokens=100)
apples = "There were 23 apples. 20 were used for lunch and 6 more were bought. How many are there?"

# The prompt has its own way to think, so no phrase is put behind it.
experts = chain_of_thought(model, "reason/experts", phrase="", answer="number", max_lines=4)
result = experts.invoke(apples)
print("thought:", result["thought"].replace("\n", " "))
print("answer:", result["answer"], "" if result["finished"] else "(asked for once more)")
