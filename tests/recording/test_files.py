"""Cassettes on disk: size, diffs, damage, versions, crashes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.errors import CorruptStore, NewerFormat, StoreError
from agentlab.recording import Recording, Request, Step, cassette, load, save
from agentlab.recording.cassette import VERSION, read, write
from agentlab.recording.codec import decode, encode
from agentlab.recording.lines import LineReader, LineWriter, split
from bench.cassettes import SYSTEM, diff_bytes, record
from tests.recording.parts import model, support, support_answers


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("files") / "id.jsonl"
    with cassette(file, mode="all", meta={"argv": "agentlab test"}):
        support(model(*support_answers(), identity={"sha256": "aa"}))
    return file


def test_bytes_are_a_function_of_the_recording(path: Path) -> None:
    data = path.read_bytes()
    assert write(read(data)) == data
    assert write(load(path)) == data


def test_every_line_is_json_and_short(path: Path) -> None:
    lines = path.read_text().split("\n")
    assert lines[-1] == ""
    assert json.loads(lines[0])["cassette"] == VERSION
    assert json.loads(lines[0])["meta"] == {"argv": "agentlab test"}
    for line in lines[:-1]:
        json.loads(line)
        assert len(line) < 500


def test_forty_steps_of_four_kilobytes_stay_small_and_linear(tmp_path: Path) -> None:
    for steps in (40, 80):
        record(tmp_path / f"{steps}", steps)
    forty, eighty = ((tmp_path / name).stat().st_size for name in ("40", "80"))
    assert forty < 450_000
    assert eighty < 2.1 * forty


def test_a_one_word_edit_of_the_system_prompt_is_a_small_diff(tmp_path: Path) -> None:
    assert len(SYSTEM) > 4_000
    assert diff_bytes(tmp_path, 40) < 10_000


texts = st.text(st.characters(), max_size=600) | st.text("ab .\n\r\u2028\ud800", max_size=900)


@given(texts)
def test_texts_survive_their_lines(text: str) -> None:
    pieces = list(split(text))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= 240 for piece in pieces)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["$", "$text", "$raw", "$blob", "a"]) | texts, inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_values_survive_a_cassette(value: Any) -> None:
    request = Request.of("tool", "t", (), {"args": encode(value)})
    data = write(Recording([Step(request, reply=encode(value))]))
    [step] = read(data).steps
    assert decode(step.reply) == value
    assert decode(step.request.parts["args"]) == value
    assert step.request.key == request.key
    writer = LineWriter()
    writer.put({"v": encode(value)})
    [back] = LineReader("\n".join([*writer.lines, ""]).encode(), "x")
    assert decode(back["v"]) == value


@given(st.lists(st.floats(allow_nan=False), min_size=16, max_size=40))
def test_vectors_survive_exactly(vector: list[float]) -> None:
    assert decode(json.loads(json.dumps(encode(vector)))) == vector


def test_every_damaged_byte_is_found_or_harmless(path: Path) -> None:
    """400 flipped, cut and doubled places: never another recording, always a typed error."""
    data = path.read_bytes()
    whole = read(data)
    rng = random.Random(5)
    for _ in range(400):
        at = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            bad = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        elif kind == 1:
            bad = data[:at]
        else:
            bad = data[:at] + data[at : at + 30] + data[at:]
        try:
            found = read(bad, "f")
        except CorruptStore:
            continue
        # What a hash does not cover is provenance, or changes a step: then its key differs.
        assert len(found.steps) == len(whole.steps)


def test_damage_names_the_line(path: Path) -> None:
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines[:-1], 1):
        broken = [*lines[: number - 1], line[:-1] + "?", *lines[number:]]
        with pytest.raises(CorruptStore, match=rf"^f:{number}: the recording is damaged: "):
            read("\n".join(broken).encode(), "f")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f:1: the recording is damaged: it is empty"),
        (b"{}\n", "the header is missing"),
        (b'{"cassette":1}\n', "its end is missing"),
        (b'{"cassette":1}\n[1]\n', "f:2: .*expected a JSON object"),
        (b'{"cassette":1}\n' + b"[" * 100_000 + b"\n", "f:2: .*it is not JSON"),
        (b'{"cassette":1}\n{"end":0,"latency":' + b"[" * 70 + b"]" * 70 + b"}\n", "deeper than"),
        (b'{"cassette":1}\n{"end":0,"latency":[]}\n{"end":0,"latency":[]}\n', "after the end"),
        (b'{"cassette":1}\n{"text":"x","lines":3}\n"a"\n', "ends too early"),
        (b'{"cassette":1}\n{"text":"x","lines":1}\n"a"\n', "not what its hash says"),
        (b'{"cassette":1}\n{"step":1,"kind":"tool"}\n', "malformed"),
        (b'{"cassette":1}\n{"step":2,"kind":"tool","target":"t"}\n', "expected step 1"),
        (b'{"cassette":1}\n{"step":1,"kind":"model","target":"m","messages":["zz"]}\n', "missing"),
        (b'{"cassette":1}\n{"step":1,"kind":"model","target":"m","messages":'
         b'{"after":5,"keep":1,"add":[]}}\n', "malformed"),
        (b'\xff\xfe{"cassette":1}\n', "not JSON"),
    ],
)  # fmt: skip
def test_what_is_no_cassette_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptStore, match=message):
        read(data, "f")


def test_a_later_format_is_refused(path: Path) -> None:
    lines = path.read_text().split("\n")
    lines[0] = lines[0].replace(f'"cassette":{VERSION}', f'"cassette":{VERSION + 1}')
    message = f"f is a recording of format {VERSION + 1}; this AgentLab reads up"
    with pytest.raises(NewerFormat, match=message):
        read("\n".join(lines).encode(), "f")


def test_a_recording_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write the recording"):
        save(tmp_path / "file" / "x.jsonl", Recording())


SAVE_FOREVER = """
import sys
from agentlab.recording import Recording, Request, Step, save
number = 0
while True:
    number += 1
    requests = [Request.of("tool", "t", (), {"args": i}) for i in range(20)]
    steps = [Step(request, reply=f"{number} " * 2000) for request in requests]
    save(sys.argv[1], Recording(steps))
    print(number, flush=True)
"""


def test_kill_in_the_middle_leaves_a_whole_recording(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    rng = random.Random(1)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(rng.randrange(1, 6)):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert len(load(path).steps) == 20


def test_several_writers_of_one_folder(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, str(tmp_path / f"{name}.jsonl")],
            stdout=subprocess.PIPE,
        )
        for name in ("a", "a", "b")
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        process.kill()
        process.wait()
    assert len(load(tmp_path / "a.jsonl").steps) == len(load(tmp_path / "b.jsonl").steps) == 20
