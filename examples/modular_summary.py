"""A prompt put together from parts, each of which can be left out or changed by itself."""

from agentlab import load_model, load_prompt, validated
from agentlab.reasoning import max_words

PUMP = (
    "The pump in the cellar of the old mill ran for forty years without a fault. It stopped last "
    "winter in a night of hard frost. Nobody noticed until the water stood at the third step. Ada "
    "Wren, who keeps the mill, has now ordered a second pump, so that one can rest while the other "
    "works."
)
model = load_model("smollm2", temperature=0, seed=7, max_tokens=80)
prompt = load_prompt("modular").partial(
    persona="You are an editor who makes long texts short.",
    instruction="Sum up the key points of the text below.",
    format="One or two plain sentences.",
    audience="Busy readers who know little of the subject.",
)
for tone in ("Clear and neutral.", "As for a child."):
    short = validated(prompt.partial(tone=tone) | model, rules=[max_words(80)], retries=1)
    print(f"[{tone}] {short.invoke({'data': PUMP})}")
