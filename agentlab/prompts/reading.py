"""A prompt file, read and checked: front matter, roles, templates."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jsonschema
from jinja2 import Template, TemplateSyntaxError, meta

from agentlab import _sandbox
from agentlab.errors import PromptError
from agentlab.prompts.frontmatter import Located, read_yaml
from agentlab.prompts.settings import check_config

Role = Literal["system", "user", "assistant", "history"]

MAX_BYTES = 1 << 20
HISTORY = "history"
_KEYS = ("description", "config", "input", "examples")
_ROLE = re.compile(r"# (system|user|assistant|history)[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a prompt. Optional where it has a default."""

    name: str
    required: bool
    default: Any = None
    schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """What the file's ``input.schema`` says it is."""
        return str(self.schema.get("description", ""))


@dataclass(frozen=True, slots=True)
class Section:
    """One message: a role, and the template of its text; ``line`` is the text's first line."""

    role: Role
    line: int
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One worked example: ``user`` is the text of the turn, or the values to make it from."""

    user: str | Mapping[str, Any]
    assistant: str


@dataclass(frozen=True, slots=True)
class PromptFile:
    """All that a prompt file says."""

    file: Path
    description: str
    config: Mapping[str, Any]
    schema: Mapping[str, Any]
    variables: Mapping[str, Variable]
    examples: tuple[Example, ...]
    sections: tuple[Section, ...]


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the known name closest to ``name``, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def read_prompt(file: Path) -> PromptFile:
    """Read the prompt file ``file``.

    Raises:
        PromptError: it can't be read or is wrong; the message names the file and the line.
    """
    text = _text(file)
    head, body, head_line, body_line = _split(text, file)
    data = read_yaml(head, str(file), head_line)
    if data is None:
        data = Located()
    if not isinstance(data, Located):
        raise PromptError(f"{file}:{head_line}: the front matter must be a mapping")
    _only(data, _KEYS, str(file))
    description = data.get("description") or ""
    if not isinstance(description, str):
        raise PromptError(f"{file}:{data.lines['description']}: 'description' must be text")
    sections = _sections(body, body_line, file)
    named = sorted(set().union(*(_names(body_part, file) for body_part in sections)))
    schemas, schema, defaults = _input(data, named, file)
    variables = {
        name: Variable(name, name not in defaults, defaults.get(name), schemas.get(name, {}))
        for name in named
    }
    read = PromptFile(
        file=file,
        description=description.strip(),
        config=check_config(_mapping(data, "config", file), str(file)),
        schema=schema,
        variables=variables,
        examples=_examples(data, file),
        sections=tuple(Section(s.role, s.line, _compiled(s, file)) for s in sections),
    )
    if read.examples and not any(section.role == "user" for section in read.sections):
        raise PromptError(f"{file}: 'examples' need a '# user' message to stand before")
    return read


def _text(file: Path) -> str:
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_BYTES else None
    except FileNotFoundError:
        raise PromptError(f"there is no prompt file {file}") from None
    except OSError as error:
        raise PromptError(f"{file} cannot be read: {error.strerror}") from error
    if data is None:
        raise PromptError(f"{file} is too large for a prompt: more than {MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PromptError(f"{file} is not UTF-8 text, at byte {error.start}") from error


def _split(text: str, file: Path) -> tuple[str, str, int, int]:
    """Front matter and body, and the line each begins at."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return "", text, 1, 1
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :]), 2, number + 2
    raise PromptError(f"{file}:1: the front matter has no end", hint="end it with a line '---'")


@dataclass(slots=True)
class _Body:
    role: Role
    line: int
    text: str


def _sections(body: str, first_line: int, file: Path) -> list[_Body]:
    """The parts of ``body``. Roles are found before anything is rendered, outside code fences."""
    parts: list[_Body] = []
    before: list[str] = []
    lines, fence = before, ""
    collected: list[tuple[Role, int, list[str]]] = []
    for number, line in enumerate(body.split("\n"), start=first_line):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        role = None if fence else _ROLE.fullmatch(line)
        if role:
            lines = []
            collected.append((role[1], number + 1, lines))  # type: ignore[arg-type]
        else:
            lines.append(line)
    if not collected:
        collected = [("user", first_line, before)]
    elif any(line.strip() for line in before):
        at = first_line + next(n for n, line in enumerate(before) if line.strip())
        raise PromptError(
            f"{file}:{at}: text before the first role",
            hint="put it under '# system' or '# user'",
        )
    for name, line_number, text_lines in collected:
        skipped = next((n for n, t in enumerate(text_lines) if t.strip()), len(text_lines))
        text = "\n".join(text_lines[skipped:]).rstrip()
        if name == HISTORY and text:
            raise PromptError(
                f"{file}:{line_number + skipped}: text under '# history'",
                hint="messages are put there; text goes under another role",
            )
        if name != HISTORY and not text:
            raise PromptError(f"{file}:{line_number - 1}: the {name} message is empty")
        parts.append(_Body(name, line_number + skipped, text))
    if sum(part.role == HISTORY for part in parts) > 1:
        raise PromptError(f"{file}: '# history' is there more than once")
    return parts


def _names(part: _Body, file: Path) -> set[str]:
    """The variables of a part's template."""
    if part.role == HISTORY:
        return set()
    environment = _sandbox.prompt_environment()
    with _located(part, file):
        tree = environment.parse(part.text)
        names = meta.find_undeclared_variables(tree)
    return names - environment.globals.keys()


def _compiled(part: _Body, file: Path) -> Template | None:
    if part.role == HISTORY:
        return None
    with _located(part, file):
        return _sandbox.compile_template(_sandbox.prompt_environment(), part.text)


class _located:  # noqa: N801 - a context manager
    """Turns what is wrong with a template into an error at a line of the file."""

    def __init__(self, part: _Body, file: Path) -> None:
        self._part = part
        self._file = file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, RecursionError):
            raise PromptError(f"{self._file}: the template is nested too deeply") from error
        if isinstance(error, TemplateSyntaxError):
            line = self._part.line + error.lineno - 1
            raise PromptError(
                f"{self._file}:{line}: {error.message}",
                hint="a block such as {% if %} begins and ends within one message"
                if "nd of" in (error.message or "")
                else "the body is a jinja2 template: {{ value }}, {% if %}, {% for %}",
            ) from error


def _mapping(data: Located, key: str, file: Path) -> Located:
    value = data.get(key)
    if value is None:
        return Located()
    if not isinstance(value, Located):
        raise PromptError(f"{file}:{data.lines[key]}: {key!r} must be a mapping")
    return value


def _only(data: Located, known: Iterable[str], file: str, where: str = "") -> None:
    known = list(known)
    for key in data:
        if key not in known:
            raise PromptError(
                f"{file}:{data.lines[key]}: unknown key {where + key!r}{nearest(key, known)}",
                hint=f"the keys are {', '.join(known)}",
            )


def _input(
    data: Located, named: list[str], file: Path
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Any], Located]:
    """Each variable's schema, the JSON schema of all values, and the defaults."""
    given = _mapping(data, "input", file)
    _only(given, ("schema", "default"), str(file), "input.")
    raw = _mapping(given, "schema", file)
    defaults = _mapping(given, "default", file)
    whole = raw.get("type") == "object" and isinstance(raw.get("properties"), Located)
    properties = _mapping(raw, "properties", file) if whole else raw
    for where, mapping in (("input.schema", properties), ("input.default", defaults)):
        for key in mapping:
            if key not in named and key != HISTORY:
                raise PromptError(
                    f"{file}:{mapping.lines[key]}: {where} names {key!r}, "
                    f"which the prompt does not use{nearest(key, named)}",
                    hint=f"the prompt uses {', '.join(named) or 'no variables'}",
                )
    schemas: dict[str, Mapping[str, Any]] = {}
    for key, value in properties.items():
        schema = {"type": value} if isinstance(value, str) else value
        if not isinstance(schema, dict):
            raise PromptError(
                f"{file}:{properties.lines[key]}: the schema of {key!r} must be a type or a mapping"
            )
        schemas[key] = dict(schema)
    full = {**(raw if whole else {}), "type": "object", "properties": schemas}
    full.pop("required", None)  # a variable is required unless it has a default
    try:
        jsonschema.Draft202012Validator.check_schema(full)
    except jsonschema.SchemaError as error:
        key = str(error.absolute_path[1]) if len(error.absolute_path) > 1 else ""
        line = properties.lines.get(key, given.lines["schema"])
        raise PromptError(f"{file}:{line}: not a JSON schema: {error.message}") from error
    return schemas, full, defaults


def _examples(data: Located, file: Path) -> tuple[Example, ...]:
    raw = data.get("examples")
    if raw is None:
        return ()
    place = f"{file}:{data.lines['examples']}"
    if not isinstance(raw, list):
        raise PromptError(f"{place}: 'examples' must be a list")
    examples = []
    for number, item in enumerate(raw, start=1):
        if not isinstance(item, Located):
            raise PromptError(f"{place}: example {number} must be a mapping")
        _only(item, ("user", "input", "assistant"), str(file), f"examples[{number}].")
        user, values, answer = item.get("user"), item.get("input"), item.get("assistant")
        if not isinstance(answer, str) or (user is None) == (values is None):
            raise PromptError(
                f"{place}: example {number} needs 'assistant', and either 'user' or 'input'"
            )
        if user is not None and not isinstance(user, str):
            raise PromptError(f"{place}: 'user' of example {number} must be text")
        if values is not None and not isinstance(values, dict):
            raise PromptError(f"{place}: 'input' of example {number} must map names to values")
        examples.append(Example(user if user is not None else dict(values or {}), answer))
    return tuple(examples)
