"""What a chat's session talks to: a prompt and a model, an agent, or answers from documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentlab.cli.repl.approving import approver
from agentlab.errors import ConfigError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PROMPT = "chat"
NO_PROMPT = "none"
NO_DOCS = "off"


def folder_of(docs: str) -> str:
    """The whole path of the folder of an index; empty for none and ``off``."""
    return "" if docs in ("", NO_DOCS) else str(Path(docs).expanduser().absolute())


def build(
    model: BaseChatModel,
    prompt: str,
    tools: tuple[str, ...] = (),
    docs: str = "",
    approve: str = "",
) -> Any:
    """The prompt and ``model`` that a session talks to.

    With ``tools`` it is an agent, with ``docs`` (the folder of an index) answers from these
    documents: both by their own prompts, where none is given but the usual one.

    Raises:
        ConfigError: one of the names or values is wrong, or the prompt takes no conversation.
        CorruptStore: the index is damaged.
    """
    from agentlab.prompts import load_prompt

    if tools and docs:
        raise ConfigError(
            "tools and documents do not go together",
            hint="/docs off and /tools none end one of them",
        )
    decide = approver(approve)
    own = prompt if prompt not in (PROMPT, NO_PROMPT) else None
    if docs:
        from agentlab.cli.searching import retriever_of
        from agentlab.rag import Index, create_rag

        retriever = retriever_of(Index.open(docs), k=4)
        return create_rag(model, retriever, *([own] if own else []), quote="else")
    if tools:
        from agentlab.agents import create_agent

        return create_agent(model, tools, prompt=own, approve=decide)
    if prompt == NO_PROMPT:
        return model
    loaded = load_prompt(prompt)
    others = [v.name for v in loaded.variables.values() if v.required and v.name != "input"]
    if others:
        raise ConfigError(
            f"the prompt {prompt!r} is not for a conversation: it needs {', '.join(others)}",
            hint=f"use one like {PROMPT!r}, with the variable input and a section # history",
        )
    return loaded | model
