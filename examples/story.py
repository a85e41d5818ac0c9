"""A title, a character and a story: each step sees the ones before, and streams."""

from agentlab import load_model, load_prompt, sequential
from agentlab.events import StepStarted, Token, Usage

model = load_model("smollm2", temperature=0.8, seed=7)
story = sequential(
    title=load_prompt("story/title") | model,
    character=load_prompt("story/character") | model,
    story=load_prompt("story/story") | model,
)

for event in story.events({"summary": "a girl that lost her mother"}):
    match event:
        case StepStarted(step=name):
            print(f"\n[{name}] ", end="")
        case Token(text=text):
            print(text, end="", flush=True)
        case Usage() as usage:
            print(f"\n\n{usage.output_tokens} tokens by {usage.model_calls} calls")
