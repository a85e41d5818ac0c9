"""What changes with every recording, by column in the last line; older formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentlab.boundary import recordable
from agentlab.models import load_model
from agentlab.recording import Recording, Request, Step, cassette, load
from agentlab.recording.cassette import VERSION, read, write
from agentlab.recording.chunks import packed, unpacked
from agentlab.recording.columns import form_of, read_table, write_table
from agentlab.recording.varying import with_stable_id
from bench.beside import rerecorded
from bench.cassettes import look_up
from tests.recording.older import run
from tests.recording.parts import without_ids
from tests.support.openai_server import openai_server

OLD = Path(__file__).parent / "formats"
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
scalars |= st.text()
usages = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
rows = st.dictionaries(st.sampled_from(["a", "b", "$text", "c.d"]), usages, min_size=1)


def as_text(value: Any) -> str:
    """Tells 1, 1.0 and True apart."""
    return json.dumps(value)


@given(st.lists(rows, min_size=1, max_size=6))
def test_rows_survive_their_columns(found: list[dict[str, Any]]) -> None:
    alike = [row for row in found if form_of(row) == form_of(found[0])]
    table = json.loads(json.dumps(write_table(alike)))
    assert as_text(read_table(table, len(alike))) == as_text(alike)


@given(st.lists(st.none() | rows, min_size=1, max_size=6), st.booleans())
def test_usage_survives_a_cassette(found: list[Any], model: bool) -> None:
    steps = [
        Step(
            Request.of("model" if model else "tool", "t", (), {"n": n}),
            reply={"message": {"role": "ai", "content": ""}, "ids": [f"id {n}"] * (n % 3)},
            usage=usage,
            latency=n / 7,
        )
        for n, usage in enumerate(found)
    ]
    data = write(Recording(steps))
    again = read(data).steps
    assert [as_text(step.usage) for step in again] == [as_text(usage) for usage in found]
    assert [step.reply for step in again] == [step.reply for step in steps]
    assert all(abs(a.latency - b.latency) <= 0.000501 for a, b in zip(again, steps, strict=True))
    assert write(read(data)) == data


def test_columns_are_short() -> None:
    counts = [(900 * n, 37 + n % 5) for n in range(40)]
    usage = [{"in": a, "out": b, "total": a + b, "details": {"cached": 0}} for a, b in counts]
    given_rows = [
        {"usage": one, "output": {"in": one["in"], "id": f"call_{n}x"}}
        for n, one in enumerate(usage)
    ]
    table = write_table(given_rows)
    assert table["columns"][2:] == [
        {"sum": [0, 1]},
        0,
        {"start": "call_", "rest": [f"{n}x" for n in range(40)]},
    ]
    assert table["form"]["output"]["in"] == table["form"]["usage"]["in"] == 0


chunk_lists = st.lists(
    st.integers(0, 9)
    | st.sampled_from(
        [{"m": {"p": "openai"}}, {"m": {"p": "openai"}, "n": 4}, {"m": 1, "n": 2}, {"usage": True}]
    ),
    max_size=12,
)


@given(chunk_lists)
def test_chunks_survive_packing(chunks: list[Any]) -> None:
    each, short = packed(chunks)
    assert (short if each is None else unpacked(each, short)) == chunks


def test_a_hosted_stream_names_its_provider_once(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with openai_server() as server:
        server.reply("It is about billing, as far as one can see from here.")
        model = load_model("openai:demo", base_url=server.url)
        with cassette(path, mode="all"):
            first = [without_ids(chunk) for chunk in model.stream("Hi")]
        with cassette(path, mode="none"):
            again = [without_ids(chunk) for chunk in model.stream("Hi")]
    assert again == first
    assert len(first) > 10
    assert path.read_text().count('"model_provider"') == 2  # of all chunks, and of the last


def test_a_hosted_answer_comes_back_whole_but_for_its_id(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    with openai_server(lifelike=True) as server:
        server.reply("Let me look.", tool_calls=[("look_up", {"topic": "1"})] * 2)
        model = load_model("openai:demo", base_url=server.url).bind_tools([recordable(look_up)])
        with cassette(path, mode="all"):
            first = without_ids(model.invoke("Hi"))
        with cassette(path, mode="none"):
            again = without_ids(model.invoke("Hi"))
    assert first["response_metadata"].pop("id") != again["response_metadata"]["id"]
    assert again["response_metadata"].pop("id") == "chatcmpl-recorded"
    assert again == first
    assert again["tool_calls"][1]["id"].startswith("call_")
    assert again["usage_metadata"]["input_token_details"] == {"audio": 0, "cache_read": 0}


def test_a_one_word_edit_is_a_small_diff_of_a_hosted_model_too(tmp_path: Path) -> None:
    """New identifiers of answers and tool calls, other times, the same counts of tokens."""
    found = rerecorded(tmp_path, 20, vcrpy=False)  # python -m bench.beside has 40: under 10,000
    assert found["bytes_agentlab"] < 225_000
    assert found["diff_bytes_agentlab"] < 7_500


def test_which_ids_are_not_kept() -> None:
    for own, kept in (
        ("chatcmpl-rbZINl91huSS6AZPsK20FKcpXzkIR", "chatcmpl-recorded"),
        ("resp_68af2b1c9d7c8191b6fc0d3a7d9a8e4c", "resp_recorded"),
        ("8f0c3a54-7b1e-4f7b-9d36-6a2f0a4b9c11", "recorded"),
        ("chat-1", "chat-1"),
        ("an-ordinary-name", "an-ordinary-name"),
        (7, 7),
    ):
        assert with_stable_id({"id": own, "model": "m"}) == {"id": kept, "model": "m"}


def test_an_older_format_replays(tmp_path: Path) -> None:
    data = (OLD / "1.jsonl").read_bytes()
    path = tmp_path / "f.jsonl"
    path.write_bytes(data)
    with cassette(path, mode="none") as tape:
        history = run()
    assert tape.replayed_calls == 7
    assert path.read_bytes() == data
    with cassette(tmp_path / "now.jsonl", mode="all", meta={"argv": "agentlab test"}):
        again = run()
    for message in again:
        message.response_metadata.pop("timings", None)
    assert [without_ids(m) for m in history] == [without_ids(m) for m in again]
    # But for the times, an old recording is what would be recorded today.
    old, new = read(data), load(tmp_path / "now.jsonl")
    assert [step.latency for step in old.steps][:2] == [0.0002, 0.0004]
    for step in (*old.steps, *new.steps):
        step.latency = 0.0
    assert write(old) == write(new)
    assert f'"cassette":{VERSION}'.encode() in write(old)


def test_the_oldest_format_is_brought_up_to_date() -> None:
    now = (OLD / "1.jsonl").read_text()
    old = now.replace('"cassette":1', '"cassette":0').replace('"latency":', '"seconds":')
    lines = [
        line.replace('"target":', '"name":', 1) if line.startswith('{"step"') else line
        for line in old.split("\n")
    ]
    assert write(read("\n".join(lines).encode())) == write(read(now.encode()))
