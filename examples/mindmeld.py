"""A chain of three prompts: a product gets a name, the name a slogan, all of it a sales pitch."""

from agentlab import load_model, load_prompt, sequential

model = load_model("smollm2", seed=7)
chain = sequential(
    name=load_prompt("examples/product-name") | model,
    slogan=load_prompt("examples/product-slogan") | model,
    pitch=load_prompt("examples/product-pitch") | model,
)
result = chain.invoke({"product": "a chatbot that answers difficult questions"})
for step in chain.steps:
    print(f"[{step}] {result[step]}")
