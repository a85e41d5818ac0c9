"""Techniques by their names, put one inside the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentlab._yaml import nearest
from agentlab.errors import ConfigError
from agentlab.rag.techniques.acting import agentic
from agentlab.rag.techniques.choosing import auto
from agentlab.rag.techniques.control import Control
from agentlab.rag.techniques.correcting import corrective
from agentlab.rag.techniques.direct import direct_of
from agentlab.rag.techniques.hopping import PROMPT as HOP_PROMPT
from agentlab.rag.techniques.hopping import MultiHop
from agentlab.rag.techniques.linking import links
from agentlab.rag.techniques.querying import multi_query
from agentlab.rag.techniques.rewriting import rewrite
from agentlab.rag.techniques.routing import Route, route
from agentlab.rag.techniques.targets import is_source, target_of
from agentlab.rag.techniques.technique import Technique, technique_of

NAMES = (
    "simple",
    "rewrite",
    "multi-query",
    "links",
    "multi-hop",
    "route",
    "corrective",
    "agentic",
    "auto",
)
_AT_THE_END = ("agentic", "auto")
_KEEPING = ("multi-hop", "agentic", "auto")
_CHOOSING = ("route", "agentic")  # among several sources


def compose(model: Any, sources: Any, techniques: Any) -> Technique:
    """The ``techniques``, the first outermost, over ``sources``.

    Args:
        model: a chat model.
        sources: a retriever, an index or a technique; or several by name, each of which may be a
            :class:`~agentlab.rag.techniques.Route`: for ``route`` and ``agentic``.
        techniques: a name out of :data:`NAMES`, or a list of names and ``{name: options}``.

    Raises:
        ConfigError: a name or an option is unknown, or the order is wrong.
    """
    asked = _listed(techniques)
    routed = [name for name, _ in asked if name in _CHOOSING]
    if isinstance(sources, Mapping):
        if not routed:
            raise ConfigError(
                "several sources need a technique that chooses among them",
                hint='techniques=["route"] or ["agentic"]',
            )
    elif "route" in routed:
        raise ConfigError(
            "to route needs several sources by name",
            hint='{"handbook": Route(index, "what it holds", ["a question", …]), …}',
        )
    for place, (name, _) in enumerate(asked):
        if name in _AT_THE_END and place + 1 < len(asked):
            raise ConfigError(f"{name!r} chooses for itself, so it must be the last technique")
    return _composed(model, sources, asked)


def _composed(model: Any, sources: Any, asked: Sequence[tuple[str, dict[str, Any]]]) -> Technique:
    if not asked:
        return technique_of(sources)
    (name, options), *rest = asked
    if name == "simple":
        return _composed(model, sources, rest)
    if name == "agentic":
        plain = sources
        if isinstance(sources, Mapping):
            named = {key: _route(source) for key, source in sources.items()}
            options.setdefault("descriptions", {k: r.description or k for k, r in named.items()})
            reached = {key: _searched(one.target, key) for key, one in named.items()}
            plain = {key: source for key, source in reached.items() if source is not None}
        return _made(agentic, name, model, plain, options)
    if name == "route":
        routes = {}
        for key, source in sources.items():
            one = _route(source)
            searched = not rest or not is_source(one.target)
            target = one.target if searched else _composed(model, one.target, rest)
            routes[key] = Route(target, one.description, one.examples)
        asks = options.get("by") in ("model", "both")
        if asks or any(not one.examples for one in routes.values()):
            options.setdefault("model", model)
        return _made(route, name, routes, options)
    inner = _composed(model, sources, rest)
    if name == "rewrite":
        return _made(rewrite, name, model, inner, {"direct": direct_of(model), **options})
    if name == "multi-query":
        return _made(multi_query, name, model, inner, options)
    if name == "links":
        return _made(links, name, inner, options)
    if name == "corrective":
        return _made(corrective, name, model, inner, options)
    if name == "multi-hop":
        return _made(MultiHop, name, Control(model, HOP_PROMPT), inner, options)
    return _made(auto, name, model, inner, {"direct": direct_of(model), **options})


def chooses(techniques: Any) -> bool:
    """Whether ``techniques`` choose among several sources."""
    return any(name in _CHOOSING for name, _ in _listed(techniques))


def keeping(techniques: Any, k: int) -> list[dict[str, Any]]:
    """``techniques``, those that keep a number of documents of their own with that number ``k``."""
    return [
        {name: {**options, "k": k} if name in _KEEPING else options}
        for name, options in _listed(techniques)
    ]


def _made(maker: Callable[..., Any], name: str, *given: Any) -> Technique:
    """``maker`` called with what is ``given``, the last of which are the options by name."""
    *first, options = given
    known = list(inspect.signature(maker).parameters)[len(first) :]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"the technique {name!r} has no option {option!r}{nearest(option, known)}",
                hint=f"it has {', '.join(known)}",
            )
    made: Technique = maker(*first, **options)
    return made


def _listed(techniques: Any) -> list[tuple[str, dict[str, Any]]]:
    items = [techniques] if isinstance(techniques, str | Mapping) else techniques
    if not isinstance(items, Sequence):
        raise ConfigError(f"techniques must be a list, not {type(techniques).__name__}")
    found: list[tuple[str, dict[str, Any]]] = []
    for item in items:
        named = {item: {}} if isinstance(item, str) else item
        if not isinstance(named, Mapping):
            raise ConfigError(f"a technique is a name or {{name: options}}, not {item!r}")
        for name, options in named.items():
            plain = name.replace("_", "-") if isinstance(name, str) else name
            if plain not in NAMES:
                raise ConfigError(
                    f"there is no technique {name!r}{nearest(str(name), NAMES)}",
                    hint=f"use {', '.join(NAMES)}",
                )
            if options is not None and not isinstance(options, Mapping):
                raise ConfigError(f"the options of {name!r} must be a mapping, not {options!r}")
            if any(plain == other for other, _ in found):
                raise ConfigError(f"the technique {name!r} is there twice")
            found.append((plain, dict(options or {})))
    return found


def _route(source: Any) -> Route:
    return source if isinstance(source, Route) else Route(source)


def _searched(target: Any, name: str) -> Any:
    """What an agent can search, or ask; None for what refuses."""
    return target if is_source(target) else target_of(target, name)
