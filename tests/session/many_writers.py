"""Processes that write one store at once: ``python many_writers.py STORE COUNT NAME...``.

Each talks in a session of its own and in one that all share, and prints what was acknowledged.
They are forked, so Python starts once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agentlab.errors import SessionBusy
from agentlab.models.scripted import ScriptedChatModel
from agentlab.session import Session, Store


def write(store: Store, name: str, count: int) -> None:
    """Talk ``count`` times in both sessions."""
    model = ScriptedChatModel(replies=[{"say": "yes", "repeat": True}])
    own = Session(model, name=name, store=store)
    for number in range(count):
        own.send(f"{name} {number}")
        os.write(1, f"own {name} {number}\n".encode())
        while True:
            try:
                Session.load("shared", model, store=store).send(f"{name} {number}")
            except SessionBusy:
                continue  # another was faster: load again
            break
        os.write(1, f"shared {name} {number}\n".encode())


def main() -> None:
    store, count = Store(Path(sys.argv[1])), int(sys.argv[2])
    children = []
    for name in sys.argv[3:]:
        child = os.fork()
        if child == 0:
            try:
                write(store, name, count)
            except BaseException as error:  # noqa: BLE001 - told to the test
                os.write(1, f"{type(error).__name__}: {error}\n".encode())
                os._exit(1)
            os._exit(0)
        children.append(child)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


main()
