"""An agent with a calculator, watched while it works. A larger model calculates better:
``load_model("gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf")``.
"""

from agentlab import create_agent, load_model, load_tools
from agentlab.events import Answer, Thought, Token, ToolCall, ToolResult

model = load_model("smollm2", max_tokens=100, seed=1)
agent = create_agent(model, load_tools("calculator"), max_steps=1)

for event in agent.stream("What is 12 * 34?"):
    match event:
        case Thought(text=text) | Token(text=text):
            print(text, end="", flush=True)
        case ToolCall(name=name, args=args):
            print(f"\n→ {name} {args}")
        case ToolResult(content=content):
            print(f"← {content}")
        case Answer(value=result):
            print(f"\n{len(result['steps'])} calls, cut short: {result['stopped']}")
