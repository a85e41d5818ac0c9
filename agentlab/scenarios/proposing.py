"""A scenario made of a conversation that was held: its turns run again, recorded and looked at."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentlab._yaml import plain_value
from agentlab.errors import ConfigError, ScenarioError, StoreError
from agentlab.recording import Scrubber
from agentlab.recording.files import replace
from agentlab.scenarios.cases import cases_of
from agentlab.scenarios.reading import parse_file, project_of, shown
from agentlab.scenarios.results import TurnRun
from agentlab.scenarios.running import Options, Performance, perform, project, run_case, told

_FILES = ("gguf", "scripted")  # providers whose name is a path
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHORT = 40  # characters: an answer up to this length is expected as it is
_LONGEST = 24  # characters of a word; in scripts without spaces a sentence is one word
_MARGIN = 1.5  # times the tokens that were used
_WORD = re.compile(r"[^\W_](?:[\w'-]*[^\W_])?")
_SENTENCE_END = re.compile(r"(?:^|[.!?:;\n*#>-])\s*[\"'(]*$")


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a scenario of the target ``chat`` is made of.

    ``prompt`` is a prompt's name. ``parameters`` are the model's; keys among them are left out.
    ``said`` are the user's turns, ``tools`` the names of those that the model may use.
    """

    model: str
    prompt: str
    said: Sequence[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    memory: str = "buffer"
    system: str | None = None
    tools: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A scenario that was written. ``answers`` are the recorded ones, a turn each."""

    path: Path
    cassette: Path
    answers: Sequence[str]


def propose(name: str, conversation: Conversation, folder: Path) -> Proposal:
    """Record ``conversation`` as the scenario ``name`` in ``folder``, with expectations to edit.

    Its turns are run again, on a model of its own, as ``agentlab test --record all`` would. Nothing
    is left where that fails. Secrets are taken out before the model is asked.

    Raises:
        ConfigError: ``name`` is no name for a scenario, or there is one of that name.
        ScenarioError: the turns could not be run again, or the recording does not replay.
        StoreError: it cannot be written.
    """
    path = folder / f"{name}.yaml"
    _check(name, path)
    draft = Scrubber().value(_draft(name, conversation, project_of(path)))
    case = cases_of(parse_file(_yaml(draft), path))[0]
    if case.cassette.exists():
        raise ConfigError(f"{shown(case.cassette)} exists already", hint="choose another name")
    try:
        with project(case.file.project):
            made = perform(case, "all", Options())
        if made.error is not None:
            found = told(made.error)
            raise ScenarioError(
                f"the turns could not be run again: {found['error']}", hint=found["hint"]
            ) from made.error
        scenario = draft["scenarios"][0]
        for turn, run in zip(scenario["turns"], made.turns, strict=True):
            turn |= _expected(run)
        called = [step.target for step in made.run.steps if step.kind == "tool"]
        trajectory = {"trajectory": {"exact": called}} if called else {}
        scenario["expect"] = {**trajectory, "budget": _budget(made)}
        text = _yaml(draft)
        result = run_case(cases_of(parse_file(text, path))[0], Options(record="none"))
        if result.status != "passed":
            why = result.error or "; ".join(str(f.message or f.path) for f in result.failures)
            raise ScenarioError(f"the recording does not replay: {why or result.drift}")
        _write(path, text)
    except BaseException:
        case.cassette.unlink(missing_ok=True)
        raise
    return Proposal(path, case.cassette, [run.text for run in made.turns])


def _check(name: str, path: Path) -> None:
    if not _ID.fullmatch(name):
        raise ConfigError(
            f"{name!r:.60} is no name for a scenario",
            hint="letters, digits, dots, dashes and underscores, e.g. greets-by-name",
        )
    for taken in (path, path.with_suffix(".yml")):
        if taken.exists():
            raise ConfigError(f"{shown(taken)} exists already", hint="choose another name")


def _draft(name: str, conversation: Conversation, project: Path) -> dict[str, Any]:
    kind, colon, place = conversation.model.partition(":")
    if colon and kind in _FILES:
        file = Path(place).expanduser().resolve()
        inside = file.is_relative_to(project.resolve())
        model = {kind: str(file.relative_to(project.resolve()) if inside else file)}
    else:
        model = {"spec": conversation.model}
    given = {k: v for k, v in conversation.parameters.items() if "key" not in k.lower()}
    scenario: dict[str, Any] = {
        "id": name,
        "chat": conversation.prompt,
        "memory": conversation.memory,
    }
    if conversation.tools:
        scenario["tools"] = list(conversation.tools)
    if conversation.system:
        scenario["system"] = _writable(conversation.system)
    scenario["turns"] = [{"user": _writable(text)} for text in conversation.said]
    return {"agentlab": 1, "models": {"model": {**model, **given}}, "scenarios": [scenario]}


def _writable(text: str) -> str:
    """``text`` without half surrogates, which no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def _expected(run: TurnRun) -> dict[str, Any]:
    text = _writable(run.text)
    if text == run.text and text.strip() and len(text) <= _SHORT and "\n" not in text:
        return {"expect": {"equals": text}}
    word = salient_word(text)
    return {"expect": {"contains": word}} if word else {}


def salient_word(text: str) -> str:
    """The word of ``text`` that says most about it, "" where it has none.

    A name (a capital letter inside a sentence) or a number stands before the longest word.
    """
    best, most = "", (0, 0)
    for match in _WORD.finditer(text):
        word = match[0][:_LONGEST]
        starts = _SENTENCE_END.search(text[max(0, match.start() - 8) : match.start()])
        named = len(word) > 2 and word[0].isupper() and not starts and match.start() > 0
        counted = word.isdigit() and len(word) > 1
        weight = (int(named or counted), len(word))
        if weight > most:
            best, most = word, weight
    return best


def _budget(made: Performance) -> dict[str, Any]:
    models = [step for step in made.run.steps if step.kind == "model"]
    budget: dict[str, Any] = {"model_calls": len(models)}
    if models and all(step.usage and "total_tokens" in step.usage for step in models):
        used = sum(step.usage["total_tokens"] for step in models if step.usage)
        budget["tokens"] = math.ceil(used * _MARGIN / 10) * 10
    return budget


def _yaml(value: Any) -> str:
    """``value`` as YAML 1.2: what would be read as a number or a word of its own is quoted."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        plain = text != "" and isinstance(plain_value(text), str)
        style = None if plain else "'"
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)

    Dumper.add_representer(str, text_node)
    written: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    return written


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text.encode())
    except OSError as error:
        raise StoreError(f"cannot write {shown(path)}: {error.strerror}") from error
