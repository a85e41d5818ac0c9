"""JSON and its schemas, as strict as they are meant."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentlab.errors import GrammarError, InvalidOutput
from agentlab.models._json_schema import Misfit, WrongSchema, check_fit, read_json
from agentlab.models.scripted import ScriptedChatModel
from agentlab.reasoning import validated


def says(text: str) -> Any:
    return ScriptedChatModel(replies=[{"say": text, "repeat": True}])


def of(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": "t",
        "description": "d",
        "type": "object",
        "properties": {"v": schema},
        "required": ["v"],
    }


@pytest.mark.parametrize(
    "text",
    ['{"v": NaN}', '{"v": Infinity}', '{"v": -Infinity}', '{"v": 1e999}', '{"v": 1, "v": 2}',
     '{"v": "\\ud83d"}', "{'v': 1}", '{"v": 1', '{"v": 1,}'],
)  # fmt: skip
def test_what_is_not_json(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own too
        read_json(text)
    with pytest.raises(InvalidOutput):
        validated(says(text), schema=of({"type": ["number", "string"]}), retries=0).invoke("x")

    class Form(BaseModel):
        v: float | str

    with pytest.raises(InvalidOutput):
        validated(says(text), schema=Form, retries=0).invoke("x")


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        *(({"multipleOf": 0.01}, value, True) for value in (19.99, 1.15, 4.35, 8.2, 0.29, 9.95, 3)),
        ({"multipleOf": 0.1}, 0.3, True),
        ({"multipleOf": 0.01}, 0.295, False),
        ({"multipleOf": 3}, 10**40, False),
        ({"multipleOf": 5}, 10**400, True),
        ({"pattern": "^[a-z]+$"}, "abc", True),
        ({"pattern": "^[a-z]+$"}, "abc\n", False),
        ({"pattern": r"^\$[$]$"}, "$$", True),
        ({"type": "string", "format": "date"}, "2024-02-29", True),
        ({"type": "string", "format": "date"}, "2023-02-29", False),
        ({"type": "string", "format": "email"}, "hello", False),
        ({"type": "string", "format": "ipv4"}, "1.2.3.400", False),
        ({"type": "string", "format": "haiku"}, "hello", True),
        ({"enum": [{"$ref": "http://example.com"}]}, {"$ref": "http://example.com"}, True),
    ],
)
def test_what_fits(schema: dict[str, Any], value: Any, fits: bool) -> None:
    if fits:
        check_fit({"v": value}, of(schema))
    else:
        with pytest.raises(Misfit, match=r"\$\.v: "):
            check_fit({"v": value}, of(schema))


def test_nothing_is_fetched_or_read(tmp_path: Path) -> None:
    asked: list[str] = []

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = http.server.HTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "s.json").write_text('{"type": "integer"}')
    try:
        for place in (
            f"http://127.0.0.1:{server.server_port}/x.json",
            (tmp_path / "s.json").as_uri(),
            "other.json",
        ):
            with pytest.raises(GrammarError, match="nothing is fetched"):
                validated(says('{"v": 1}'), schema=of({"$ref": place}))
    finally:
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize("ref", ["#/$defs/missing", "#nowhere"])
def test_what_is_not_there_is_told_at_once(ref: str) -> None:
    for name in ("$ref", "$dynamicRef"):
        with pytest.raises(GrammarError, match="which is not in it"):
            validated(says('{"v": 1}'), schema=of({name: ref}))


def test_a_circle_is_told() -> None:
    circle = {**of({"$ref": "#/$defs/a"}), "$defs": {"a": {"$ref": "#/$defs/a"}}}
    with pytest.raises(WrongSchema, match="circle"):
        check_fit({"v": 1}, circle)
    with pytest.raises(GrammarError, match="circle"):
        validated(says('{"v": 1}'), schema=circle)
    tree = {**of({"$ref": "#/$defs/a"}), "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}
    check_fit({"v": [[[]], []]}, tree)
