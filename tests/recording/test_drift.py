"""Every change is found at its step and named; what does not matter is not."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool

from agentlab.boundary import recordable
from agentlab.errors import Diverged
from agentlab.recording import Drift, cassette, load
from agentlab.recording.words import marked, word_diff
from tests.recording.parts import (
    SYSTEM,
    Manual,
    check_policy,
    look_up,
    model,
    support,
    support_answers,
)

MODEL_STEPS = (2, 4, 6)  # of the six: retrieve, model, tool, model, tool, model


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("drift") / "id.jsonl"
    with cassette(file, mode="all"):
        support(model(*support_answers(), identity={"sha256": "aa", "template": "t1"}))
    return file


def drift_of(path: Path, *, fields: dict[str, Any] | None = None, **changes: Any) -> Drift:
    fields = {"identity": {"sha256": "aa", "template": "t1"}, **(fields or {})}
    with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
        support(model(**fields), **changes)
    drift = caught.value.drift
    assert isinstance(drift, Drift)
    return drift


def at(step: int, change: Callable[[list[BaseMessage]], list[BaseMessage]]) -> Any:
    """An ``edit`` of the history before the model's call number ``step``."""
    return lambda now, history: change(list(history)) if now == step else history


def other_word(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    words[rng.randrange(len(words))] += rng.choice(["x", "s", "!", "é"])
    return " ".join(words)


def mutation(rng: random.Random) -> tuple[str, int, dict[str, Any]]:
    """A change, the step at which it must be found, and how to run with it."""
    step = rng.randrange(3)
    kind = rng.choice(
        ["prompt", "insert", "remove", "reorder", "schema", "sampler", "grammar", "identity",
         "document", "tool result", "query", "stop"]
    )  # fmt: skip
    where = MODEL_STEPS[step]
    if kind == "prompt":
        return "prompt edited", 2, {"system": other_word(rng, SYSTEM)}
    if kind == "insert":
        extra = HumanMessage(other_word(rng, "Please be quick about it."))
        place = rng.randrange(3)
        edit = at(step, lambda h: [*h[:place], extra, *h[place:]])
        return "message inserted", where, {"edit": edit}
    if kind == "remove":
        place = rng.randrange(2)
        return "message removed", where, {"edit": at(step, lambda h: h[:place] + h[place + 1 :])}
    if kind == "reorder":
        return "messages reordered", where, {"edit": at(step, lambda h: [h[1], h[0], *h[2:]])}
    if kind == "schema":
        changed = StructuredTool.from_function(
            check_policy.func, name="check_policy",
            description=other_word(rng, "Check the refund policy."),
        )  # fmt: skip
        return "tool schema", 2, {"tools": (look_up, changed)}
    if kind == "sampler":
        value = rng.choice([{"temperature": rng.random() + 0.01}, {"seed": rng.randrange(8, 999)},
                            {"top_k": rng.randrange(1, 99)}])  # fmt: skip
        return "sampler", 2, {"fields": value}
    if kind == "grammar":
        return "grammar", 2, {"response_format": {"type": "json", "n": rng.random()}}
    if kind == "stop":
        return "sampler", 2, {"stop": [rng.choice("abcdef")]}
    if kind == "identity":
        sha = {"sha256": f"{rng.getrandbits(64):x}", "template": "t1"}
        return "model identity", 2, {"fields": {"identity": sha}}
    if kind == "document":
        changed_text = other_word(rng, Manual().texts[0])

        def replace(history: list[BaseMessage]) -> list[BaseMessage]:
            text = str(history[1].content).replace(Manual().texts[0], changed_text)
            return [history[0], HumanMessage(text), *history[2:]]

        return "retrieved document", where, {"edit": at(step, replace)}
    if kind == "query":
        return "query", 1, {"question": other_word(rng, "Refund order TEST-1, it was $842.")}
    step = rng.randrange(1, 3)
    word = other_word(rng, "Order TEST-1: one pump, $842.")

    def result(history: list[BaseMessage]) -> list[BaseMessage]:
        last = history[-1]
        assert isinstance(last, ToolMessage)
        return [*history[:-1], last.model_copy(update={"content": word})]

    return "tool result", MODEL_STEPS[step], {"edit": at(step, result)}


@pytest.mark.parametrize("chunk", range(10))
def test_three_hundred_mutations_are_found_at_the_right_step(path: Path, chunk: int) -> None:
    for seed in range(chunk * 30, chunk * 30 + 30):
        what, step, changes = mutation(random.Random(seed))
        drift = drift_of(path, **changes)
        assert (drift.step, drift.what) == (step, what), (seed, drift)
        assert drift.stale == 6 - step
        assert drift.changes[0].where


class Noise:
    """Ids, key order, times and settings that change no answer."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def fields(self) -> dict[str, Any]:
        rng = self.rng
        return {
            "timeout": rng.random() * 100,
            "max_retries": rng.randrange(9),
            "tags": [str(rng.random())],
            "metadata": {"run": rng.random()},
            "name": f"model-{rng.random()}",
            "seed": rng.choice([7, 7.0]),
            "verbose": rng.random() < 0.1,
            "identity": rng.choice(
                [{"sha256": "aa", "template": "t1"}, {"template": "t1"}, {},
                 {"build": "b9", "sha256": "aa"}]
            ),
        }  # fmt: skip

    def edit(self, step: int, history: list[BaseMessage]) -> list[BaseMessage]:
        renamed = {f"call_{c}": f"call_{self.rng.getrandbits(32):x}" for c in "ab"}
        return [self._message(m, renamed) for m in history]

    def _message(self, message: BaseMessage, renamed: dict[str, str]) -> BaseMessage:
        update: dict[str, Any] = {"id": f"run-{self.rng.random()}"}
        if isinstance(message, AIMessage):
            update["tool_calls"] = [
                {
                    **self._shuffled(c),
                    "id": renamed.get(c["id"], c["id"]),
                    "args": self._shuffled(c["args"]),
                }
                for c in message.tool_calls
            ]
            update["usage_metadata"] = None
            update["response_metadata"] = {"created": self.rng.random()}
            update["additional_kwargs"] = {"tool_calls": [{"id": "raw"}]}
        if isinstance(message, ToolMessage):
            known = message.tool_call_id
            update["tool_call_id"] = renamed.get(known, known)
            update["artifact"] = object()
        return message.model_copy(update=update)

    def _shuffled(self, mapping: dict[str, Any]) -> dict[str, Any]:
        items = list(mapping.items())
        self.rng.shuffle(items)
        return dict(items)


@pytest.mark.parametrize("chunk", range(10))
def test_two_hundred_harmless_edits_are_no_drift(path: Path, chunk: int) -> None:
    for seed in range(chunk * 20, chunk * 20 + 20):
        noise = Noise(seed)
        with cassette(path, mode="none") as tape:
            support(model(**noise.fields()), edit=noise.edit, timeout=noise.rng.random())
        assert tape.replayed_calls == 6, seed


def test_ids_in_the_text_of_a_prompt_do_not_count(tmp_path: Path) -> None:
    def run(*answers: str) -> Any:
        first, second = model(*answers[:1]), model(*answers[1:])
        return second.invoke(f"Go on from {first.invoke('start')!r}")

    with cassette(tmp_path / "f", mode="all"):
        run("a", "b")
    with cassette(tmp_path / "f", mode="none"):
        assert run().content == "b"


def test_a_tool_schema_in_another_key_order_is_the_same(path: Path) -> None:
    class Reordered(type(model())):  # type: ignore[misc]
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            bound = super().bind_tools(tools, **kwargs)
            schemas = [dict(reversed(list(t.items()))) for t in bound.kwargs["tools"]]
            return self.bind(tools=schemas)

    with cassette(path, mode="none"):
        support(Reordered(messages=iter([])))


def test_the_first_divergent_step_is_where_the_code_changed_not_where_it_shows(path: Path) -> None:
    drift = drift_of(path, edit=at(2, lambda h: h[:-1]))
    assert (drift.step, drift.what) == (6, "message removed")
    assert drift.changes[0].where == "messages[5] tool"


def test_a_skipped_call_is_the_divergent_step(path: Path) -> None:
    with pytest.raises(Diverged) as caught, cassette(path, mode="none"):
        model(identity={}).invoke("something else")
    drift: Any = caught.value.drift
    assert (drift.step, drift.what) == (1, "different call")
    assert drift.changes[0].before.startswith("retrieve Manual 'Refund order")


def test_a_drift_reads_well(path: Path) -> None:
    drift = drift_of(path, system=SYSTEM.replace("manager", "supervisor"))
    assert str(drift).splitlines() == [
        "step 2 of 6 (model fake-1)",
        "  messages[0] system: prompt edited: … shop. Refunds over $500 need "
        "[-manager-]{+supervisor+} approval. Be brief.",
        "  recorded: look_up(order=TEST-1)",
        "  4 later steps are stale",
    ]
    plain = drift.as_dict()
    assert plain["changes"][0]["what"] == "prompt edited"
    assert ["removed", "manager"] in plain["changes"][0]["diff"]


def test_several_changes_at_one_step_are_all_named(path: Path) -> None:
    drift = drift_of(path, system="New.", fields={"temperature": 0.5}, tools=(look_up,))
    assert [c.what for c in drift.changes] == ["prompt edited", "sampler", "tool schema"]


def test_two_models_asked_the_same_are_told_apart(tmp_path: Path) -> None:
    def run(*chats: Any) -> list[str]:
        return [str(chat.invoke("x").content) for chat in chats]

    def pair(a: str = "", b: str = "") -> tuple[Any, Any]:
        one, two = {"sha256": "1"}, {"sha256": "2"}
        return model(a, identity=one), model(b, identity=two)

    with cassette(tmp_path / "f", mode="all"):
        run(*pair("from a", "from b"))
    with cassette(tmp_path / "f", mode="none"):
        assert run(*reversed(pair())) == ["from b", "from a"]


def test_keys_are_chained(path: Path) -> None:
    links = load(path).chain()
    changed = load(path)
    changed.steps[2], changed.steps[4] = changed.steps[4], changed.steps[2]
    other = changed.chain()
    assert links[:2] == other[:2]
    assert not set(links[2:]) & set(other[2:])


def test_word_diffs_of_long_texts_stay_short() -> None:
    before = "word " * 50_000
    pieces = word_diff(before + "end", before + "start")
    assert "".join(p.text for p in pieces if p.what != "added") == before + "end"
    assert marked(pieces).endswith("word [-end-]{+start+}")
    rng = random.Random(1)
    one, two = (" ".join(str(rng.random()) for _ in range(9_000)) for _ in range(2))
    assert len(marked(word_diff(one, two))) < 700


def test_other_texts_for_embeddings(tmp_path: Path) -> None:

    vectors = recordable(DeterministicFakeEmbedding(size=32))
    with cassette(tmp_path / "f", mode="all"):
        vectors.embed_documents(["a", "b"])
        vectors.embed_query("c")
    with pytest.raises(Diverged) as caught, cassette(tmp_path / "f", mode="none") as tape:
        vectors.embed_documents(["a", "x"])
    assert "recorded: 2 vectors" in str(caught.value)
    assert [outcome.recorded for outcome in tape.outcomes()] == ["2 vectors", "a vector"]
