"""Examples in files of their own: YAML, or JSON a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentlab import _yaml
from agentlab.errors import PromptError
from agentlab.prompts.reading import MAX_BYTES, Example


def read_examples(source: str | Path | Sequence[Any]) -> tuple[Example, ...]:
    """The examples in a file (``.yaml``, ``.yml`` or ``.jsonl``), or in a list.

    Raises:
        PromptError: the file cannot be read, or one of them is no example.
    """
    if isinstance(source, str | Path):
        file = Path(source).expanduser()
        return tuple(_example(item, n, str(file)) for n, item in enumerate(_items(file), 1))
    if isinstance(source, Mapping) or not isinstance(source, Iterable):
        raise PromptError(
            f"examples are a file or a list of examples, not {source!r}",
            hint='[{"user": "…", "assistant": "…"}]',
        )
    return tuple(_example(item, n, "examples") for n, item in enumerate(source, 1))


def _items(file: Path) -> list[Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise PromptError(f"{file} is too large for examples: more than {MAX_BYTES:,} bytes")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PromptError(f"there is no file of examples {file}") from None
    except OSError as error:
        raise PromptError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{file} is not UTF-8 text, at byte {error.start}") from error
    if file.suffix == ".jsonl":
        return [_line(line, n, file) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if file.suffix not in (".yaml", ".yml"):
        raise PromptError(f"{file} is no file of examples", hint="it ends in .yaml or .jsonl")
    data = _yaml.read_yaml(text, str(file), error=PromptError, aliases=False)
    if not isinstance(data, list):
        raise PromptError(f"{file} must be a list of examples")
    return data


def _line(line: str, number: int, file: Path) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{file}:{number}: not JSON: {error}") from error


def _example(item: Any, number: int, where: str) -> Example:
    if isinstance(item, Example):
        return item
    if isinstance(item, Mapping):
        unknown = [key for key in item if key not in ("user", "input", "assistant")]
        user, values, answer = item.get("user"), item.get("input"), item.get("assistant")
        one = isinstance(user, str) if values is None else user is None
        if isinstance(values, str):  # a text for the prompt's variable `input`
            values = {"input": values}
        if not unknown and one and isinstance(answer, str) and isinstance(values, Mapping | None):
            return Example(user if isinstance(user, str) else dict(values or {}), answer)
        wrong = next((k for k in ("assistant", "user") if not isinstance(item.get(k, ""), str)), "")
        if wrong and item[wrong] is not None:
            raise PromptError(
                f"{where}: {wrong!r} of example {number} must be a text, not {item[wrong]!r}",
                hint=f'put it in quotation marks: "{item[wrong]}"',
            )
    raise PromptError(
        f"{where}: example {number} needs 'assistant', and either 'user' (a text) or 'input' "
        "(values by name), and nothing else"
    )
