"""Threads and tasks: the same bytes and the same answers, whoever comes first."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableParallel

from agentlab.boundary import recordable
from agentlab.errors import Diverged
from agentlab.recording import cassette, load

BRANCHES = ("title", "hero", "place", "end")


class Hasher(BaseChatModel):
    """Answers with a hash of what it was asked, after a random while."""

    model_name: str = "hasher"
    pause: float = 0.004

    @property
    def _llm_type(self) -> str:
        return "hasher"

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
        time.sleep(random.random() * self.pause)
        text = hashlib.sha256(str(messages[-1].content).encode()).hexdigest()[:12]
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def chain(**fields: Any) -> Runnable[Any, Any]:
    chat = recordable(Hasher(**fields))
    ask = ChatPromptTemplate.from_template
    text = StrOutputParser()
    first = RunnableParallel({n: ask(f"{n} of {{x}}") | chat | text for n in BRANCHES})
    second = RunnableParallel({n: ask(f"more {n}: {{{n}}}") | chat | text for n in BRANCHES})
    return ask("topic {x}") | chat | (lambda m: {"x": m.content}) | first | second


def bytes_without_latency(path: Path) -> bytes:
    return path.read_bytes().rpartition(b'{"end"')[0]


def sync_run(target: Runnable[Any, Any]) -> Any:
    return [target.invoke({"x": "a"}), target.batch([{"x": "b"}, {"x": "c"}])]


def async_run(target: Runnable[Any, Any]) -> Any:
    async def run() -> Any:
        one = await target.ainvoke({"x": "a"})
        return [one, await asyncio.gather(*(target.ainvoke({"x": x}) for x in "bc"))]

    return asyncio.run(run())


@pytest.mark.parametrize("run", [sync_run, async_run])
def test_recordings_of_parallel_runs_have_the_same_bytes(
    tmp_path: Path, run: Callable[[Runnable[Any, Any]], Any]
) -> None:
    seen = set()
    for number in range(6):
        path = tmp_path / f"{number}.jsonl"
        with cassette(path, mode="all"):
            run(chain(pause=0.0 if number % 2 else 0.004))
        seen.add(bytes_without_latency(path))
    assert len(seen) == 1


@pytest.mark.parametrize("run", [sync_run, async_run])
def test_parallel_runs_replay(tmp_path: Path, run: Callable[[Runnable[Any, Any]], Any]) -> None:
    path = tmp_path / "p.jsonl"
    with cassette(path, mode="all"):
        first = run(chain())
    with cassette(path, mode="none") as tape:
        assert run(chain()) == first
    assert tape.replayed_calls == len(load(path).steps) == 27


def test_a_recording_made_in_sync_replays_in_async(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with cassette(path, mode="all"):
        first = sync_run(chain())
    with cassette(path, mode="none"):
        assert async_run(chain()) == first


def test_a_change_in_one_branch_names_the_branch(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    chat = recordable(Hasher())
    ask = ChatPromptTemplate.from_template

    def run(place: str) -> Any:
        texts = {n: n for n in BRANCHES} | {"place": place}
        return RunnableParallel(
            {n: ask(f"Tell me the {t} of {{x}}.") | chat for n, t in texts.items()}
        ).invoke({"x": "it"})

    with cassette(path, mode="all"):
        run("place")
    for _ in range(5):
        with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
            run("location")
        drift: Any = caught.value.drift
        [change] = drift.changes
        assert [p.text for p in change.diff if p.what != "same"] == ["place", "location"]


def test_new_records_only_the_branch_that_changed(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    chat = recordable(Hasher())
    ask = ChatPromptTemplate.from_template

    def run(place: str) -> Any:
        texts = {n: n for n in BRANCHES} | {"place": place}
        branches = {n: ask(f"{t} of {{x}}.") | chat for n, t in texts.items()}
        return RunnableParallel(branches).invoke({"x": "it"})

    with cassette(path, mode="all"):
        run("place")
    with cassette(path, mode="new") as tape:
        first = run("location")
    assert (tape.live_calls, tape.replayed_calls) == (1, 3)
    with cassette(path, mode="none"):
        again = run("location")
    assert {k: m.content for k, m in again.items()} == {k: m.content for k, m in first.items()}


def test_the_report_does_not_depend_on_hash_seeds(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with cassette(path, mode="all"):
        sync_run(chain())
    script = f"""
import hashlib, json, dataclasses
from agentlab.recording import cassette
from agentlab.errors import Diverged
from tests.recording.test_parallel import chain, sync_run
digest = hashlib.sha256()
with cassette({str(path)!r}, mode="none") as tape:
    digest.update(repr(sync_run(chain())).encode())
digest.update(json.dumps([dataclasses.asdict(o) for o in tape.outcomes()]).encode())
try:
    with cassette({str(path)!r}, mode="none") as tape:
        chain().invoke({{"x": "other"}})
except Diverged as error:
    digest.update(str(error).encode())
with cassette({str(path.with_name("again.jsonl"))!r}, mode="all") as tape:
    sync_run(chain(pause=0.0))
digest.update(open({str(path.with_name("again.jsonl"))!r}, "rb").read().rpartition(b'{{"end"')[0])
print(digest.hexdigest())
"""
    digests = set()
    for seed in range(4):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        root = Path(__file__).parents[2]
        out = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, env=environment,
            cwd=root,
        )  # fmt: skip
        digests.add(out.stdout)
    assert len(digests) == 1
