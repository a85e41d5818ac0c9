"""Kills writers with SIGKILL at seeded moments; prints, as JSON lines, what each had acknowledged.

Run as ``python kill_driver.py STORE KILLS SEED``. Forks its writers, so Python starts once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from agentlab.events import Answer, Token
from agentlab.models.scripted import ScriptedChatModel
from agentlab.session import Session, Store


def write(path: Path, name: str, acknowledge: int) -> NoReturn:
    """Talk until killed; tell each question and answer when it is safe."""
    model = ScriptedChatModel(replies=[{"say": "the whole answer", "repeat": True}])
    chat = Session(model, name=name, store=Store(path))
    number = 0
    while True:
        number += 1
        asked = False
        for event in chat.events(f"question {number}"):
            if isinstance(event, Token) and not asked:
                asked = True
                os.write(acknowledge, f"Q {number}\n".encode())
            if isinstance(event, Answer):
                os.write(acknowledge, f"A {number}\n".encode())


def kill_one(path: Path, name: str, seconds: float) -> dict[str, Any]:
    """Fork a writer, kill it ``seconds`` after its first word, and return what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write(path, name, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = os.read(reading, 4096)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while more := os.read(reading, 65536):
        told += more
    os.close(reading)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    lines = told.decode().splitlines()
    return {"name": name, "killed": killed, "acknowledged": lines}


def main() -> None:
    path, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    moments = random.Random(seed)
    for number in range(kills):
        result = kill_one(path, f"kill {number}", moments.uniform(0.0, 0.25))
        print(json.dumps(result), flush=True)


main()
