"""A name and a slogan, then a sales pitch; and two pitches written side by side."""

from agentlab import load_model, load_prompt, parallel, sequential

model = load_model("smollm2", seed=7)
product = sequential(
    name_and_slogan=load_prompt("product/name_and_slogan") | model,
    pitch=load_prompt("product/pitch") | model,
)
result = product.invoke("a cup that keeps tea warm for a day")
print(result["name_and_slogan"], result["pitch"], sep="\n\n")

# Any part can be run alone, given what it needs.
pitch = product.only("pitch").invoke(
    {"product": "a pen", "name_and_slogan": "Name: Quill\nSlogan: Write on."}
)["pitch"]
print("", pitch, sep="\n")

# Steps may use different models and parameters, and run at the same time.
pitches = parallel(
    plain=load_prompt("product/pitch") | load_model("smollm2", temperature=0, max_tokens=60),
    wild=load_prompt("product/pitch") | load_model("smollm2", temperature=1.2, max_tokens=60),
)
both = (product.until("name_and_slogan") | pitches).invoke("a cup that keeps tea warm for a day")
print("", both["plain"], both["wild"], sep="\n")
