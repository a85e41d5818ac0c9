"""Conversations: a target, the full history, and a memory that chooses what the model sees.

::

    chat = Session(load_prompt("chat") | load_model("smollm2"), memory=WindowMemory(turns=2))
    for token in chat.stream("Hi! My name is Maarten. What is 1 + 1?"):
        print(token, end="", flush=True)
    chat.save("maarten")
"""

from agentlab.session.asking import Session
from agentlab.session.exporting import export, import_json
from agentlab.session.inspecting import Context
from agentlab.session.recovery import recover
from agentlab.session.store import Listed, Store
from agentlab.session.tree import Turn

__all__ = [
    "Context",
    "Listed",
    "Session",
    "Store",
    "Turn",
    "delete",
    "export",
    "import_json",
    "list_sessions",
    "recover",
]


def list_sessions(store: Store | None = None) -> list[Listed]:
    """The stored conversations, last used first."""
    return (store or Store()).list()


def delete(name: str, store: Store | None = None) -> None:
    """Delete the stored conversation ``name`` for good.

    Raises:
        ConfigError: there is none of that name.
    """
    (store or Store()).delete(name)
