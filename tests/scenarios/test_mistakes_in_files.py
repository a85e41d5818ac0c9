"""A wrong scenario file: file, line, column and the nearest name, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentlab.errors import ScenarioError
from agentlab.scenarios.cases import cases_of
from agentlab.scenarios.reading import find_files, is_scenario_file, read_file
from agentlab.scenarios.schema import json_schema

HEAD = "agentlab: 1\nscenarios:\n- id: a\n  chain: story\n  input: x\n"
AT_TOP = HEAD.removeprefix("agentlab: 1\n")


def mistake(folder: Path, text: str) -> str:
    path = folder / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        cases_of(read_file(path))
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("agentlab: 1\n", "bad.yaml:1:1: `scenarios` is missing"),
        ("agentlab: 2\n" + AT_TOP, "bad.yaml:1:11: `agentlab`: expected 1, not 2"),
        ("", "bad.yaml:1:1: expected a mapping that begins with `agentlab: 1`"),
        ("[]", "bad.yaml:1:1: expected a mapping"),
        ("agentlab: 1\nscenarios: []\n", "bad.yaml:2:12: `scenarios`: list should have at least 1"),
        ("agentlab: 1\nscenario:\n- 1\n", "bad.yaml:1:1: `scenarios` is missing"),
        (HEAD + "extra: 1\n", "bad.yaml:6:1: unknown key `extra`"),
        (HEAD + "  expects: {equals: x}\n", "6:3: unknown key `expects`, did you mean `expect`?"),
        (HEAD + "  expect: {contain: x}\n", "bad.yaml:6:12: expect: unknown key 'contain'"),
        (HEAD + "  expect:\n    any:\n    - {regexp: x}\n", "bad.yaml:8:8: expect.any[0]: unknown"),
        (
            HEAD + "  expect: {regex: '('}\n",
            "bad.yaml:6:19: expect.regex: not a regular expression",
        ),
        (HEAD + "  expect: {}\n", "`scenarios[0].expect`: "),
        (HEAD + "  expect: x\n", "bad.yaml:6:11: `scenarios[0].expect`: expected a valid mapping"),
        (
            HEAD + "  model: 3\n",
            "bad.yaml:6:10: `scenarios[0].model`: expected a text or a mapping",
        ),
        (HEAD + "  model: loc\n", "bad.yaml:6:10: there is no model 'loc'"),
        (
            HEAD + "  model: {gguf: a, hf: b}\n",
            "6:10: `scenarios[0].model`: expected exactly one of",
        ),
        (HEAD + "  model: {ggfu: a}\n", "scripted, did you mean `gguf`?"),
        (HEAD + "  matrix: {model: [loc]}\n", "bad.yaml:6:20: there is no model 'loc'"),
        (HEAD + "  matrix: {model: [{gguf: 1}]}\n", "bad.yaml:6:27: `scenarios[0].matrix.model[0]"),
        (HEAD + "  matrix: {memory: [1]}\n", "bad.yaml:6:20: a memory is a text"),
        (HEAD + "  matrix: {model: []}\n", "list should have at least 1 item"),
        (
            HEAD + "  level: worn\n",
            "6:10: `scenarios[0].level`: expected fail or warn, not 'worn', did",
        ),
        (HEAD + "  record: twice\n", "bad.yaml:6:11: `scenarios[0].record`: expected none, once"),
        (HEAD + "  tags: x\n", "bad.yaml:6:9: `scenarios[0].tags`: expected a valid list, not 'x'"),
        (
            HEAD + "  turns: [{user: x}]\n",
            "bad.yaml:3:3: `scenarios[0]`: expected one of input and",
        ),
        (
            HEAD + "  chat: x\n",
            "expected exactly one target of chain, chat, agent, rag, fork, not chain",
        ),
        (HEAD.replace("chain: story", "agent: foo"), "bad.yaml:4:10: expected module:attribute"),
        (
            HEAD.replace("  chain: story\n", ""),
            "bad.yaml:3:3: `scenarios[0]`: expected exactly one",
        ),
        (HEAD.replace("  input: x\n", ""), "expected one of input and turns"),
        (HEAD.replace("input: x", "turns: [{user: x}]"), "a chain has no turns"),
        (HEAD + "  tools: [now]\n", "only a chat is given tools by their names, not a chain"),
        (
            HEAD.replace("chain: story", "chat: a:b") + "  tools: [now]\n",
            "a:b brings its own tools: give a prompt's name, or no tools",
        ),
        (HEAD + "  tools: []\n", "bad.yaml:6:10: `scenarios[0].tools`: "),
        (HEAD + "  tools: {now: run}\n", "bad.yaml:6:10: `scenarios[0].tools`: "),
        (HEAD.replace("id: a", "id: a b"), "bad.yaml:3:7: `scenarios[0].id`: expected letters"),
        (HEAD.replace("- id: a\n  ", "- "), "bad.yaml:3:3: `id` is missing"),
        (HEAD + "  id: b\n", "bad.yaml:6:3: the key 'id' is there twice, first in line 3"),
        (
            HEAD + AT_TOP.partition("\n")[2],
            "bad.yaml:6:7: the id 'a' is there twice, first in line 3",
        ),
        (
            HEAD + "  faults: [{at: modle, error: x}]\n",
            "bad.yaml:6:17: `scenarios[0].faults[0].at`",
        ),
        (
            HEAD + "  faults: [{at: model, eror: x}]\n",
            "6:24: unknown key `eror`, did you mean `error`?",
        ),
        (HEAD + "  faults: [{at: model}]\n", "expected exactly one of error, return, mutate"),
        (
            HEAD + "  faults: [{at: model, error: x, drop: y}]\n",
            "expected exactly one of error, return",
        ),
        (HEAD + "  faults: [{at: model, delay: long}]\n", "expected a time such as 3s or 250ms"),
        (HEAD + "  faults: [{at: model, error: x, times: 0}]\n", "`scenarios[0].faults[0].times`"),
        (
            HEAD + "  repeat: {n: 2, pass: 3}\n",
            "bad.yaml:6:11: `scenarios[0].repeat`: pass: 3 is more",
        ),
        (HEAD + "  freeze: {time: 12}\n", "expected a time such as 2026-01-05T09:00:00Z, not 12"),
        (HEAD + "  freeze: {time: yesterday}\n", "not 'yesterday'"),
        (HEAD + "  freeze: {uuid: random}\n", "expected seq, not 'random'"),
        (HEAD + "- {id: f, fork: {of: aa, at: model}}\n", "6:22: there is no scenario 'aa' here"),
        (HEAD + "- {id: f, fork: {of: a, at: nowhere}}\n", "bad.yaml:6:29: `scenarios[1].fork.at`"),
        (HEAD + "- {id: f, fork: {of: f, at: model}}\n", "bad.yaml:6: forks go round: f"),
        (
            HEAD + "- {id: f, fork: {of: a, at: model}, turns: [{user: x}]}\n",
            "turns of a fork come after a turn of a chat",
        ),
        ("agentlab: 1\nmodels: {a: [1]}\n" + AT_TOP, "bad.yaml:2:13: `models.a`"),
        (
            "agentlab: 1\ntools: {x: rum}\n" + AT_TOP,
            "expected replay, run or stub, not 'rum', did you",
        ),
        ("agentlab: 1\nmin_kill: 2\n" + AT_TOP, "bad.yaml:2:11: `min_kill`"),
        ("agentlab: 1\na: &a [*a]\n", "bad.yaml:2:8: the alias *a is inside what it names"),
        ("agentlab: 1\nscenarios: {a\n", "bad.yaml:3:1: not YAML"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    assert told in mistake(tmp_path, text)


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"agentlab: 1\n\xff")
    with pytest.raises(ScenarioError, match="not UTF-8 text, at byte 12"):
        read_file(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        ("agentlab: 1", True),
        ("\ufeff# c\n\n---\nagentlab: 1", True),
        ("%YAML 1.2\n---\nagentlab: 1", True),
        ("scenarios: []\nagentlab: 1", False),
        ("# agentlab: 1\n", False),
        ("", False),
    ],
)
def test_which_files_are_scenario_files(tmp_path: Path, head: str, is_one: bool) -> None:
    (tmp_path / "x.yaml").write_text(head)
    assert is_scenario_file(tmp_path / "x.yaml") is is_one


def test_files_are_found_in_order_and_once(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "sub/c.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HEAD)
    (tmp_path / "other.yaml").write_text("a: 1")
    found = find_files([tmp_path, tmp_path / "b.yaml"])
    assert [path.name for path in found] == ["a.yml", "b.yaml", "c.yaml"]
    with pytest.raises(ScenarioError, match="no scenario file"):
        find_files([tmp_path / "other.yaml"])
    with pytest.raises(ScenarioError, match="there is no file or folder"):
        find_files([tmp_path / "nothing"])


def test_a_shared_part_may_be_named_once(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "agentlab: 1\nscenarios:\n"
        "- {id: a, chain: story, input: x, expect: &e {contains: x}}\n"
        "- {id: b, chain: story, input: x, expect: *e}\n"
    )
    assert len(cases_of(read_file(path))) == 2


def test_the_json_schema_takes_what_the_models_take() -> None:
    import jsonschema

    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    shipped = Path(__file__).parents[2] / "scenarios"
    from agentlab._yaml import read_yaml

    for path in shipped.glob("*.yaml"):
        raw = json.loads(json.dumps(read_yaml(path.read_text(), path.name)))
        assert list(validator.iter_errors(raw)) == []
    wrong = {"agentlab": 1, "scenarios": [{"id": "a", "chain": "x", "input": 1, "expects": {}}]}
    assert list(validator.iter_errors(wrong))
    wrong["scenarios"][0] = {"id": "a", "chain": "x", "input": 1, "expect": {"contain": "x"}}  # type: ignore[index]
    assert list(validator.iter_errors(wrong))
