"""Markdown, JSON and Python out of a session, and JSON into one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda

from agentlab.errors import ConfigError, RunError
from agentlab.models.scripted import ScriptedChatModel, create
from agentlab.prompts import load_prompt
from agentlab.session import Session, Store, export, import_json
from tests.session.conftest import Echo
from tests.session.test_session import Agent


def test_markdown(store: Store) -> None:
    chat = Session(Agent(), name="an agent", store=store, system="Be brief.")
    chat.send("the answer?")

    class Broken:
        def stream(self, given: Any) -> Any:
            yield "half"
            raise RunError("it broke")

    chat.target = Broken()
    with pytest.raises(RunError):
        chat.send("again")
    assert export("an agent", "md", store) == (
        "# an agent\n\n> Be brief.\n\n"
        "## User\n\nthe answer?\n\n"
        "## Assistant\n\nLet me look. \n\n"
        '### Call of search\n\n```json\n{\n  "q": "the answer?"\n}\n```\n\n'
        "### Result of search\n\n```\n42\n```\n\n"
        "## Assistant\n\nIt is 42.\n\n"
        "## User\n\nagain\n\n## Assistant\n\nhalf\n\n*The answer failed: it broke*\n"
    )


def test_json_there_and_back(store: Store, echo: Echo) -> None:
    chat = Session(echo.runnable(), "window:2", name="s", store=store)
    chat.send("a")
    chat.send("b")
    chat.edit("B \u202e 😀 \x1b[0m")
    text = export("s", "json", store)
    assert import_json(text, store=store) == "s~1"
    again = Session.load("s~1", echo.runnable(), store=store)
    assert [m.text for m in again.history] == [m.text for m in chat.history]
    assert len(again.branches()) == len(chat.branches()) == 2
    assert again.memory.spec == "window:2"
    assert again.usage == chat.usage
    assert import_json(text, "other", store) == "other"
    assert set(again._tree.nodes).isdisjoint(chat._tree.nodes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("messages"), "no exported session"),
        (lambda d: d.update(agentlab_session=9), "format 9"),
        (lambda d: d.update(head="nowhere"), "head"),
        (lambda d: d.update(name="a\nb"), "cannot be a session's name"),
        (lambda d: d["messages"][0].pop("message"), "message 1"),
        (lambda d: d["messages"][1].update(parent="nowhere"), "message 2"),
        (lambda d: d["messages"][0].update(parent=d["messages"][1]["id"]), "message 1"),
        (lambda d: d["messages"][1].update(status="perfect"), "unknown status"),
        (lambda d: d["messages"][1]["message"].update(type="virus"), "message 2"),
        (lambda d: d["messages"].pop(0), "message 1"),
        (lambda d: d["messages"].insert(0, 7), "message 1"),
    ],
)
def test_import_refuses(store: Store, echo: Echo, change: Any, message: str) -> None:
    Session(echo.runnable(), name="s", store=store).send("a")
    data = json.loads(export("s", "json", store))
    change(data)
    with pytest.raises(ConfigError, match=message):
        import_json(json.dumps(data), store=store)
    assert store.names() == ["s"]


def test_import_refuses_what_is_no_json(store: Store) -> None:
    for text in ("", "[]", "{", "[" * 100_000, "null"):
        with pytest.raises(ConfigError):
            import_json(text, store=store)
    with pytest.raises(ConfigError, match="unknown format"):
        export("s", "html", store)  # type: ignore[arg-type]


def test_the_python_script_runs(store: Store, tmp_path: Path) -> None:
    script = tmp_path / "replies.yaml"
    script.write_text(
        "replies:\n"
        "- {when: {last: 'quotes'}, say: 'It said \"\\\\n\".', repeat: true}\n"
        "- {when: {contains: [first, second]}, say: 'both seen', repeat: true}\n"
        "- {say: 'hello', repeat: true}\n"
    )
    model = create(str(script))
    chat = Session(
        load_prompt("chat") | model, "window:2", 'weird """ \\ name', store, "Be ' brief"
    )
    questions = ['the first {curly} """ \\', "the second\nline 'quotes'", "third \u202e\x1b[0m"]
    answers = [chat.send(question).text for question in questions]
    assert answers[2] == "both seen"
    exported = tmp_path / "again.py"
    exported.write_text(export(chat.name or "", "py", store))
    environment = {**os.environ, "AGENTLAB_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(exported)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = "".join(f"> {q}\n{a}\n\n" for q, a in zip(questions, answers, strict=True))
    assert done.stdout == expected
    assert 'memory=parse_memory("window:2", model)' in exported.read_text().replace("'", '"')


def test_the_script_says_when_the_model_is_unknown(store: Store) -> None:
    Session(ScriptedChatModel(replies=["1"]), name="s", store=store).send("a")
    assert "has no name that load_model knows" in export("s", "py", store)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(st.characters(), max_size=5),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=2),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in ``value`` with each of its keys or indices."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@given(st.data())
def test_import_of_changed_json_is_refused_or_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.mktemp("import") / "s.db")
    chat = Session(RunnableLambda(lambda given: "yes"), "window:2", "s", store)
    chat.send("a")
    exported = json.loads(export("s", "json", store))
    for _ in range(data.draw(st.integers(1, 2))):
        container, key = data.draw(st.sampled_from(places(exported)))
        container[key] = data.draw(VALUES)
    try:
        name = import_json(json.dumps(exported), store=store)
    except ConfigError:
        assert store.names() == ["s"]
    else:
        stored = store.load(name)
        assert stored.tree.turns() is not None
        export(name, "md", store)
