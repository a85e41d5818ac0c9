"""An answer from documents, described in a YAML file: sources, techniques, model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentlab._yaml import Located, nearest, place_of, read_yaml
from agentlab.errors import ChainError, ConfigError, StoreError
from agentlab.rag.answer import Rag, create_rag
from agentlab.rag.index import Index
from agentlab.rag.techniques.composing import chooses, keeping
from agentlab.rag.techniques.direct import direct_of
from agentlab.rag.techniques.routing import Route
from agentlab.rag.techniques.targets import REFUSE, is_source

VERSION_KEY = "agentlab_rag"
_KEYS = (VERSION_KEY, "model", "sources", "techniques", "answer")
_KINDS = ("index", "answer", "chain", "tool", "refuse")
_SOURCE = (*_KINDS, "description", "examples", "search")
_ANSWER = (
    "prompt",
    "min_score",
    "min_support",
    "not_found",
    "quote",
    "short",
    "reranker",
    "min_relevance",
)


def load_rag(
    file: str | Path,
    model: Any = None,
    techniques: Any = None,
    *,
    search: Mapping[str, Any] | None = None,
    answer: Mapping[str, Any] | None = None,
) -> Rag:
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
          sums: {tool: calculator, description: arithmetic, examples: [What is 3 times 4?]}
          talk: {answer: directly, examples: [How are you?]}  # the model, without documents
          other: {refuse: true, examples: [Write me a poem]}
        techniques: [rewrite, {route: {kept: 0.95}}]
        answer: {min_support: 0.6, quote: else}

    A source is an ``index``, a ``tool`` or ``chain`` by its name, ``answer: directly`` or
    ``refuse: true``; ``answer`` has options of :func:`~agentlab.rag.create_rag`.

    Args:
        file: the file.
        model: a chat model or its spec, in place of the file's.
        techniques: in place of the file's.
        search: options over those of each source's ``search``; its ``k`` is how many documents
            multi-hop, agentic and auto keep, too.
        answer: options over the file's.

    Raises:
        ConfigError: names the file, the line and what is wrong.
        StoreError: an index is damaged.
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
    options = data.get("answer") or {}
    _check(options, _ANSWER, path, data, "answer")
    chosen = techniques if techniques is not None else data.get("techniques") or ()
    asked = model or data.get("model")
    if asked is None:
        from agentlab.config import settings

        asked = settings().model
    try:
        asked = _model(asked, given)
        if chosen and "k" in (search or {}):
            chosen = keeping(chosen, (search or {})["k"])
        several = len(given) > 1 or bool(chosen and chooses(chosen))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", hint=error.hint) from error
    sources = {name: _source(data, name, path, asked, search or {}) for name in given}
    if not several and not is_source(next(iter(sources.values())).target):
        name = next(iter(sources))
        raise ConfigError(
            f"{_at(path, data, 'sources', name)}: {name!r} alone finds no documents",
            hint="give an `index` too, and `techniques: [route]`",
        )
    found = sources if several else next(iter(sources.values())).target
    more = {**options, **(answer or {})}
    try:
        return create_rag(asked, found, techniques=chosen, **more)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", hint=error.hint) from error


def _model(asked: Any, sources: Mapping[str, Any]) -> Any:
    """The model, loaded once where a source needs it too."""
    needs = any(
        isinstance(s, Mapping) and ("answer" in s or "chain" in s) for s in sources.values()
    )
    if not needs or not isinstance(asked, str):
        return asked
    from agentlab.models import load_model

    return load_model(asked)


def _source(data: Located, name: str, path: Path, model: Any, options: Mapping[str, Any]) -> Route:
    entry = data["sources"][name]
    _check(entry, _SOURCE, path, data, "sources", name)
    where = _at(path, data, "sources", name)
    kinds = [kind for kind in _KINDS if kind in entry and entry[kind] is not False]
    if len(kinds) != 1:
        told = f"is {' and '.join(kinds)} at once" if kinds else "needs an `index`"
        raise ConfigError(
            f"{where}: {name!r} {told}",
            hint="or `tool: NAME`, `chain: NAME`, `answer: directly`, `refuse: true`; one of them",
        )
    search = entry.get("search") or {}
    if not isinstance(search, Mapping):
        raise ConfigError(f"{where}: `search` must be a mapping")
    try:
        target = _target(kinds[0], entry[kinds[0]], path, model, {**search, **options})
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}", hint=error.hint) from error
    except StoreError as error:
        raise type(error)(f"{where}: {error}", hint=error.hint) from error
    examples = entry.get("examples") or []
    if not isinstance(examples, list) or not all(isinstance(text, str) for text in examples):
        raise ConfigError(f"{where}: `examples` must be questions")
    return Route(target, str(entry.get("description") or ""), tuple(examples))


def _target(kind: str, value: Any, path: Path, model: Any, search: Mapping[str, Any]) -> Any:
    """What the source of that ``kind`` is."""
    wanted = {"refuse": True, "answer": "directly"}.get(kind)
    if (value != wanted) if wanted else (not isinstance(value, str) or not value):
        told = {"refuse": "true", "answer": "directly", "index": "a folder"}.get(kind, "a name")
        raise ConfigError(f"`{kind}` must be {told}, not {value!r}")
    match kind:
        case "index":
            return Index.open(path.parent / value).as_retriever(**search)
        case "answer":
            return direct_of(model, max_tokens=None)
        case "tool":
            from agentlab.tools import load_tools

            return load_tools(value)[0]
        case "chain":
            return _chain(value, model)
    return REFUSE


def _chain(name: str, model: Any) -> Any:
    from agentlab.chains import load_chain

    try:
        return load_chain(name, model)
    except ChainError:
        if ":" not in name:
            raise
        return load_chain(name)  # one with a model of its own


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
