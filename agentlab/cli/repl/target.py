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
    documents: both by their own prompts, where none is given but the usual one. With both it is an
    agent that may search the documents, too.

    Raises:
        ConfigError: one of the names or values is wrong, or the prompt takes no conversation.
        CorruptStore: the index is damaged.
    """
    from agentlab.prompts import load_prompt

    decide = approver(approve)
    own = prompt if prompt not in (PROMPT, NO_PROMPT) else None
    retriever = _retriever(docs) if docs else None
    if tools:
        from agentlab.agents import create_agent

        more = []
        if retriever is not None:
            from agentlab.rag.techniques import search_documents

            more = [search_documents(retriever)]
        return create_agent(model, [*tools, *more], prompt=own, approve=decide)
    if retriever is not None:
        from agentlab.rag import create_rag

        return create_rag(model, retriever, *([own] if own else []), quote="else")
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


def _retriever(folder: str) -> Any:
    from agentlab.cli.searching import retriever_of
    from agentlab.rag import Index

    return retriever_of(Index.open(folder), k=4)
