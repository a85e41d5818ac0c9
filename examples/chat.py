"""A chat that streams, remembers two turns, and is there again tomorrow.

Run: python examples/chat.py, then: agentlab sessions show maarten
"""

from agentlab import Session, WindowMemory, load_model, load_prompt

model = load_model("smollm2", temperature=0, seed=7, max_tokens=64)
chat = Session(load_prompt("chat") | model, memory=WindowMemory(turns=2))

for question in (
    "Hi! My name is Maarten and I am 33 years old. What is 1 + 1?",
    "What is 3 + 3?",
    "What is my name?",
    "What is my age?",
):
    print(f"> {question}")
    for token in chat.stream(question):
        print(token, end="", flush=True)
    print("\n")

# The history is whole; the model was shown the last two turns of it.
context = chat.context("What is my age?")
print(f"{len(chat.history)} messages in the history, {len(context.messages)} shown:")
for message, tokens in zip(context.messages, context.tokens, strict=True):
    print(f"  {message.type:6} {tokens:3} tokens  {message.text[:50]!r}")

chat.save("maarten")
