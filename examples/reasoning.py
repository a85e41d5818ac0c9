"""Better answers by asking better: examples, reasoning, votes, and answers that must fit.

With a larger model the reasoning is worth more:
``load_model("gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf")``.
"""

from agentlab import (
    chain_of_thought,
    few_shot,
    fill_in,
    load_model,
    load_prompt,
    self_consistency,
    validated,
)
from agentlab.reasoning import forbidden_words, max_words, preset

model = load_model("smollm2", temperature=0, seed=7, max_tokens=40)

# A word that does not exist, learned from one example.
new_words = few_shot("examples/new-words") | model
print("screeg:", new_words.invoke({}).text)

# The thought and the answer come back apart.
apples = "There were 23 apples. 20 were used for lunch and 6 more were bought. How many are there?"
thinking = chain_of_thought(model, "examples/word-problem", phrase="", answer="number", max_lines=3)
result = thinking.invoke(apples)
print("thought:", result["thought"].replace("\n", " "), "| answer:", result["answer"])

# Three ways to the answer, and their vote.
voted = self_consistency(thinking, n=3, vote="number").invoke(apples)
print("votes:", voted["votes"], "->", voted["answer"])

# Only what is unknown is generated; the rest of the form stands.
form = '{"name": "[[name]]", "armor": "[[armor]]", "level": 1}'
filling = fill_in(model, form, {"armor": ["leather", "chain", "plate"]}, as_json=True)
print(
    "form:", filling.invoke({"input": "A young smith of a fantasy game.", "name": "Brina"})["data"]
)

# Checked, and asked for again where it is wrong.
writer = load_model("smollm2", seed=7, max_tokens=30, **preset("creative_writing"))
slogan = validated(
    load_prompt("examples/product-slogan").partial(name="MindMeld") | writer,
    rules=[max_words(30), forbidden_words(["cheap"])],
)
print("slogan:", slogan.invoke({}))
