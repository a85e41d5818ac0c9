"""Answers held to JSON schemas, checked by another library than the one that holds them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("real_schemas.json").read_text()
)
TOPICS = (
    *("a bakery in Lyon", "a storm at sea", "a school library", "a bicycle race"),
    *("a hospital at night", "a chess club", "a farm in spring", "a train to Berlin"),
)
MAX_TOKENS = 64


def prompt(name: str, number: int) -> str:
    """What is asked: one example object, about one of several topics."""
    topic = TOPICS[number % len(TOPICS)]
    return f"Give one example of a {name.replace('-', ' ')} as JSON. It is about {topic}."


def generate(model: Any, name: str, number: int) -> dict[str, Any]:
    """One answer under the schema ``name``, with how it ended and whether it fits."""
    began = time.monotonic()
    form = {"type": "json_schema", "json_schema": {"name": name, "schema": SCHEMAS[name]}}
    asked = model.bind(response_format=form, seed=number, temperature=1.0, max_tokens=MAX_TOKENS)
    message = asked.invoke(prompt(name, number))
    finished = message.response_metadata["finish_reason"] == "stop"
    return {
        "text": message.text,
        "finished": finished,
        "problem": problem(message.text, SCHEMAS[name]) if finished else "",
        "tokens": message.usage_metadata["output_tokens"],
        "seconds": time.monotonic() - began,
    }


def problem(text: str, schema: dict[str, Any]) -> str:
    """What ``jsonschema`` says is wrong, formats included; empty where nothing is."""
    try:
        value = json.loads(text)
    except ValueError as error:
        return f"not JSON: {error}"
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    errors = sorted(error.message for error in validator.iter_errors(value))
    return errors[0] if errors else ""


def table(rows: list[dict[str, Any]]) -> str:
    """The counts, as Markdown."""
    finished = [row for row in rows if row["finished"]]
    valid = [row for row in finished if not row["problem"]]
    seconds = sum(row["seconds"] for row in rows)
    return "\n".join(
        [
            "| schemas | answers | finished | of these valid | cut at max_tokens "
            "| tokens an answer | seconds an answer |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            f"| {len({row['key'].split('/')[1] for row in rows})} | {len(rows)} | {len(finished)} "
            f"| {len(valid)} | {len(rows) - len(finished)} "
            f"| {sum(row['tokens'] for row in rows) / len(rows):.1f} "
            f"| {seconds / len(rows):.2f} |",
            *(f"- {row['key']}: {row['problem']}" for row in finished if row["problem"]),
        ]
    )
