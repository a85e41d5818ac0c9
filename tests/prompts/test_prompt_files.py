"""Names, folders, and what can be wrong with a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentlab import config
from agentlab.errors import PromptError
from agentlab.prompts import Prompt, list_prompts, load_prompt

Write = Callable[..., Prompt]


@pytest.fixture
def folder() -> Path:
    """The project's own prompts folder."""
    folder = config.project_folder() / "prompts"
    folder.mkdir()
    return folder


def test_every_shipped_prompt_loads_and_says_what_it_is_for() -> None:
    infos = {info.name: info for info in list_prompts()}
    assert set(infos) >= {
        "agent/react",
        "business/name",
        "chat",
        "extract/character",
        "memory/summary",
        "modular",
        "product/name_and_slogan",
        "product/pitch",
        "question/answer",
        "rag/answer",
        "story/character",
        "story/story",
        "story/title",
    }
    for info in infos.values():
        assert (info.problem, info.shipped) == ("", True)
        assert info.description.endswith((".", ")."))
        assert all(variable.description for variable in info.variables), info.name


def test_the_users_prompts_come_first(folder: Path) -> None:
    (folder / "chat.md").write_text("Mine: {{ input }}")
    (folder / "sub").mkdir()
    (folder / "sub" / "own.md").write_text("---\ndescription: Own.\n---\nx")
    assert load_prompt("chat").render("a")[0].content == "Mine: a"
    infos = {info.name: info for info in list_prompts()}
    assert not infos["chat"].shipped
    assert infos["sub/own"].description == "Own."
    assert infos["story/title"].shipped


def test_a_wrong_file_does_not_spoil_the_list(folder: Path) -> None:
    (folder / "bad.md").write_text("{{")
    infos = {info.name: info for info in list_prompts()}
    assert "bad.md:1" in infos["bad"].problem
    assert infos["chat"].problem == ""


@pytest.mark.parametrize("name", ["story/titel", "storytitle", "titel", "story/tite"])
def test_an_unknown_name_gets_the_nearest(name: str) -> None:
    with pytest.raises(PromptError, match="there is no prompt") as caught:
        load_prompt(name)
    assert "story/title" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["../secret", "story/../../secret", "/etc/passwd", "", ".", "..", "a//b", "a\\b", "a\0"]
)
def test_a_name_stays_in_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret.md").write_text("secret")
    with pytest.raises(PromptError, match="not a prompt's name"):
        load_prompt(name)


def test_a_path_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.md").write_text("x {{ a }}")
    monkeypatch.chdir(tmp_path)
    for given in (tmp_path / "own.md", str(tmp_path / "own.md"), "own.md"):
        prompt = load_prompt(given)
        assert (prompt.name, list(prompt.variables)) == ("own", ["a"])
    assert load_prompt(prompt) is prompt
    with pytest.raises(PromptError, match="no prompt file"):
        load_prompt("missing.md")
    with pytest.raises(PromptError, match="not a prompt file"):
        load_prompt(tmp_path / "own.txt")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(PromptError, match="cannot be read"):
        load_prompt(tmp_path / "folder.md")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("---\ndescripton: x\n---\nx", r":2: unknown key 'descripton'; did you mean 'description'"),
        ("---\nconfig: {temprature: 1}\n---\nx", r":2: unknown key 'config.temprature'; did you"),
        ("---\n\nconfig:\n  top_k: 1.5\n---\nx", r":4: config.top_k must be a whole number"),
        ("---\nconfig: {temperature: hot}\n---\nx", r":2: config.temperature must be a number"),
        ("---\nconfig: {temperature: true}\n---\nx", r":2: config.temperature must be a number"),
        ("---\nconfig: {max_tokens: 0}\n---\nx", r":2: config.max_tokens must be"),
        ("---\nconfig: {temperature: .nan}\n---\nx", r":2: config.temperature must be"),
        ("---\nconfig: {stop: [1]}\n---\nx", r":2: config.stop must be"),
        ("---\nconfig: [1]\n---\nx", r":2: 'config' must be a mapping"),
        ("---\ninput: {defualt: {}}\n---\nx", r":2: unknown key 'input.defualt'; did you"),
        ("---\ninput:\n  default:\n    a: 1\n---\n{{ aa }}", r":4: input.default names 'a'"),
        ("---\ninput:\n  schema:\n    b: string\n---\n{{ a }}", r":4: input.schema names 'b'"),
        ("---\ninput:\n  schema:\n    a: strin\n---\n{{ a }}", r":4: not a JSON schema"),
        ("---\ninput:\n  schema:\n    a: 3\n---\n{{ a }}", r":4: the schema of 'a'"),
        (
            "---\ndescription: a\ndescription: b\n---\nx",
            r":3:1: the key 'description' is there twice",
        ),
        ("---\ndescription: [a\n---\nx", r":\d:\d+: not YAML"),
        ("---\ndescription: a: b\n---\nx", r":2:15: not YAML"),
        ("---\ndescription: !!python/name:os.system\n---\nx", r":2:14: the tag"),
        ("---\na: &a [x]\nb: [*a, *a]\n---\nx", r"an alias"),
        ("---\na: &a [*a]\n---\nx", r"an alias"),
        ("---\n- a\n---\nx", r":2: the front matter must be a mapping"),
        ("---\n? [a]\n: b\n---\nx", r":2:3: a key must be text"),
        ("---\ndescription: 3\n---\nx", r":2: 'description' must be text"),
        ("---\ndescription: x\n", r":1: the front matter has no end"),
        ("---\nexamples: x\n---\nx", r":2: 'examples' must be a list"),
        ("---\nexamples: [{user: a}]\n---\nx", r":2: example 1 needs 'assistant'"),
        ("---\nexamples: [{usr: a}]\n---\nx", r":2: unknown key 'examples\[1\].usr'; did you"),
        ("---\nexamples:\n- {input: x, assistant: y}\n---\nx", r"'input' of example 1"),
        ("---\nexamples: [{user: a, assistant: b}]\n---\n# system\nx", r"need a '# user'"),
        ("intro\n# user\nx", r":1: text before the first role"),
        ("# user\nx\n# history\ntext", r":4: text under '# history'"),
        ("# history\n# user\nx\n# history", r"'# history' is there more than once"),
        ("# system\n\n# user\nx", r":1: the system message is empty"),
        ("", r"the user message is empty"),
        ("---\ndescription: x\n---\n\na\n{{ b", r":6: "),
        ("# user\na\n{% if b %}\n# assistant\nc\n{% endif %}", r":\d: "),
        ("{{ a | nothing }}", r":1: No filter named 'nothing'"),
        ("a\n\n{% include 'b' %}", r":3: a template can't load another one"),
        ("{{ " + "(" * 50_000, r"does not compile|nested too deeply"),
    ],
)
def test_a_wrong_file_is_an_error_with_file_and_line(write: Write, text: str, problem: str) -> None:
    with pytest.raises(PromptError, match=problem) as caught:
        write(text)
    assert "mine.md" in str(caught.value)


def test_a_file_that_is_not_text_or_too_large_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(b"abc\xff")
    with pytest.raises(PromptError, match="not UTF-8 text, at byte 3"):
        load_prompt(file)
    file.write_bytes(b"x" * 2_000_000)
    with pytest.raises(PromptError, match="too large"):
        load_prompt(file)


def test_a_block_across_two_roles_gets_a_hint(write: Write) -> None:
    with pytest.raises(PromptError) as caught:
        write("# user\na\n{% if b %}\n# assistant\nc\n{% endif %}")
    assert "within one message" in caught.value.hint


def test_plain_yaml_words_stay_text(write: Write) -> None:
    prompt = write(
        "---\ninput: {default: {a: no, b: 12:30, c: 1, d: true, e: null}}\n---\n"
        "{{ [a, b, c, d, e] | tojson }}"
    )
    assert prompt.render()[0].content == '["no", "12:30", 1, true, null]'


def test_a_full_json_schema_is_taken_too(write: Write) -> None:
    prompt = write(
        "---\ninput: {schema: {type: object, properties: {n: {type: integer, minimum: 1}}}}\n---\n"
        "{{ n }}"
    )
    assert prompt.render({"n": 1})[0].content == "1"
    with pytest.raises(PromptError, match="n: 0 is less than the minimum of 1"):
        prompt.render({"n": 0})


def test_the_input_schema_tells_types_and_defaults() -> None:
    schema = load_prompt("chat").get_input_jsonschema()
    assert schema["required"] == ["input"]
    assert schema["properties"]["input"]["type"] == "string"
    assert schema["properties"]["input"]["description"] == "what the user says"
    assert "history" in schema["properties"]
    assert schema["properties"]["persona"]["default"].startswith("You are")
