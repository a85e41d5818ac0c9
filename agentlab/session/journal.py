"""A conversation's link to its place in a store."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentlab.session.store import Store
from agentlab.session.tree import Node, Tree

logger = logging.getLogger("agentlab.session")


@dataclass(slots=True)
class Journal:
    """Writes what is new in a tree. What could not be written is written the next time.

    ``head`` is where the stored conversation was when this process last saw it: when another
    process has moved it since, a question is refused before a model is called.
    """

    store: Store
    id: str
    name: str
    head: str | None = None
    _owed: dict[str, Node] = field(default_factory=dict)

    def owe(self, nodes: Iterable[Node]) -> None:
        """Have ``nodes`` written with the next :meth:`write`."""
        self._owed.update((node.id, node) for node in nodes)

    def forget(self, node: Node) -> None:
        """Do not write ``node``: its question was refused."""
        self._owed.pop(node.id, None)

    def write(
        self,
        tree: Tree,
        *,
        force: bool = False,
        settings: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what is owed, and the tree's head; on the disk when this returns.

        With ``force``, nodes are kept even where another process has moved the head: then they
        are a branch.

        Raises:
            SessionBusy: another process has moved the head.
            StoreError: the store cannot be written.
        """
        moved = self.store.write(
            self.id,
            self._owed.values(),
            tree,
            was=self.head,
            force=force,
            settings=settings,
            memory=memory,
        )
        self._owed.clear()
        if moved:
            self.head = tree.head
        else:
            logger.warning("session %r was changed by another process; kept a branch", self.name)
