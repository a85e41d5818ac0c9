"""An answer from documents, described in a YAML file: sources, techniques, model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentlab._yaml import Located, nearest, place_of, read_yaml
from agentlab.errors import ConfigError
from agentlab.rag.answer import Rag, create_rag
from agentlab.rag.index import Index
from agentlab.rag.techniques.routing import REFUSE, Route

VERSION_KEY = "agentlab_rag"
_KEYS = (VERSION_KEY, "model", "sources", "techniques", "answer")
_SOURCE = ("index", "refuse", "description", "examples", "search")
_ANSWER = ("prompt", "min_score", "min_support", "not_found")


def load_rag(file: str | Path, model: Any = None, techniques: Any = None) -> Rag:
    """The answers that the YAML file ``file`` describes.

    ::

        agentlab_rag: 1
        model: gguf:models/model.gguf
        sources:
          handbook:
            index: my-index                 # relative to the file
            description: rules for employees
            examples: [How many days of leave do I get?]
            search: {k: 4, mode: hybrid}    # as Index.as_retriever takes it
          other: {refuse: true, examples: [Write me a poem]}
        techniques: [rewrite, {route: {kept: 0.95}}]
        answer: {min_support: 0.6}

    Args:
        file: the file.
        model: a chat model or its spec, in place of the file's.
        techniques: in place of the file's.

    Raises:
        ConfigError: names the file, the line and what is wrong.
    """
    path = Path(file)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    data = read_yaml(text, str(path))
    _check(data, _KEYS, path, data)
    if data.get(VERSION_KEY) != 1:
        raise ConfigError(f"{path}: the file must begin with `{VERSION_KEY}: 1`")
    given = data.get("sources")
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(f"{path}: `sources` must name at least one source")
    sources = {name: _source(data, name, path) for name in given}
    answer = data.get("answer") or {}
    _check(answer, _ANSWER, path, data, "answer")
    chosen = techniques if techniques is not None else data.get("techniques") or ()
    asked = model or data.get("model")
    if asked is None:
        from agentlab.config import settings

        asked = settings().model
    only = next(iter(sources.values())) if len(sources) == 1 else None
    try:
        return create_rag(asked, only.target if only else sources, techniques=chosen, **answer)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", hint=error.hint) from error


def _source(data: Located, name: str, path: Path) -> Route:
    entry = data["sources"][name]
    _check(entry, _SOURCE, path, data, "sources", name)
    target: Any = REFUSE
    if entry.get("refuse") is not True:
        folder = entry.get("index")
        if not isinstance(folder, str):
            raise ConfigError(f"{_at(path, data, 'sources', name)}: {name!r} needs an `index`")
        search = entry.get("search") or {}
        if not isinstance(search, Mapping):
            raise ConfigError(f"{_at(path, data, 'sources', name)}: `search` must be a mapping")
        target = Index.open(path.parent / folder).as_retriever(**search)
    examples = entry.get("examples") or []
    if not isinstance(examples, list) or not all(isinstance(text, str) for text in examples):
        raise ConfigError(f"{_at(path, data, 'sources', name)}: `examples` must be questions")
    return Route(target, str(entry.get("description") or ""), tuple(examples))


def _check(given: Any, known: tuple[str, ...], path: Path, data: Any, *keys: str) -> None:
    where = _at(path, data, *keys) if isinstance(data, Mapping) else str(path)
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: expected a mapping with {', '.join(known)}")
    for name in given:
        if name not in known:
            raise ConfigError(
                f"{where}: unknown key {name!r}{nearest(name, known)}",
                hint=f"the keys are {', '.join(known)}",
            )


def _at(path: Path, data: Any, *keys: str) -> str:
    mark = place_of(data, keys)
    return f"{path}:{mark.line}:{mark.column}"
