"""What a model will see, as text for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from agentlab.prompts.files import load_prompt
from agentlab.prompts.prompt import Prompt

_ROLES = {"human": "user", "ai": "assistant"}


def render_text(
    prompt: Prompt | str | Path, values: Mapping[str, Any] | str | None = None, model: Any = None
) -> str:
    """Exactly what ``model`` will see of ``prompt`` with ``values``.

    For a model that renders its own chat template (a GGUF model), the text it is given; for others,
    and without a model, the messages under their roles.

    Raises:
        PromptError: as :meth:`Prompt.render`.
    """
    messages = load_prompt(prompt).render(values)
    while model is not None and not hasattr(model, "render") and hasattr(model, "bound"):
        model = model.bound
    if hasattr(model, "render"):
        return str(model.render(messages))
    return "\n\n".join(_message(message) for message in messages)


def _message(message: BaseMessage) -> str:
    lines = [f"# {_ROLES.get(message.type, message.type)}", message.text]
    if isinstance(message, AIMessage):
        lines += [
            f"-> {call['name']}({json.dumps(call['args'], ensure_ascii=False)})"
            for call in message.tool_calls
        ]
    return "\n".join(line for line in lines if line)
