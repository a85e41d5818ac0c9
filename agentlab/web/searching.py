"""Searching the web: a SearXNG server of the user's, or public engines through ddgs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Literal, TypedDict

from agentlab.config import settings
from agentlab.errors import ToolError
from agentlab.offline import raise_if_offline
from agentlab.web.pages import refuse_secrets

Freshness = Literal["any", "day", "week", "month", "year"]
FRESHNESS: tuple[Freshness, ...] = ("any", "day", "week", "month", "year")
MAX_QUERY = 400  # characters
MAX_COUNT = 20
_SNIPPET = 300
_TITLE = 150
_REGION = re.compile(r"[a-z]{2}-[a-z]{2}")


class Found(TypedDict):
    """One result. ``date`` and ``source`` are empty where the engine does not say them."""

    title: str
    url: str
    snippet: str
    date: str
    source: str


def search(
    query: str,
    *,
    count: int = 5,
    region: str = "us-en",
    freshness: Freshness = "any",
    news: bool = False,
    timeout: float = 20.0,
) -> list[Found]:
    """The first ``count`` results; an empty list when the engine knows none.

    ``region`` is country and language, ``freshness`` how old a result may be. Engines are asked in
    a fixed order until one has results, for at most ``timeout`` seconds in all.

    Raises:
        ToolError: an argument is wrong, the query holds a secret, every engine asks to wait, or
            none can be reached.
    """
    query = " ".join(query.split())
    _check(query, count, freshness)
    refuse_secrets(query, "the query")
    raise_if_offline("search the web")
    deadline = time.monotonic() + timeout
    endpoint = settings().search_url
    if endpoint:
        from agentlab.web import searxng

        found = searxng.search(endpoint, query, _region(region), freshness, news, deadline)
    else:
        from agentlab.web import engines

        found = engines.search(query, _region(region), freshness, news, deadline)
    return _distinct(found)[:count]


def _check(query: str, count: int, freshness: str) -> None:
    if not query:
        raise ToolError("the query is empty", hint="say what to search for")
    if len(query) > MAX_QUERY:
        raise ToolError(
            f"the query has {len(query)} characters and at most {MAX_QUERY} are allowed",
            hint="search for a few words",
        )
    if not 1 <= count <= MAX_COUNT:
        raise ToolError(f"count is {count}", hint=f"write a number from 1 to {MAX_COUNT}")
    if freshness not in FRESHNESS:
        raise ToolError(f"freshness is {freshness!r}", hint=f"write one of {', '.join(FRESHNESS)}")


def _region(region: str) -> str:
    region = region.strip().lower()
    # "wt-wt", no region, makes ddgs ask a Wikipedia of a language that there is not.
    if region in ("", "wt-wt", "all"):
        return "us-en"
    if not _REGION.fullmatch(region):
        raise ToolError(
            f"the region {region!r} is not country-language", hint="write one such as us-en"
        )
    return region


def _distinct(found: Iterable[Found]) -> list[Found]:
    """Results with an http address, each address once."""
    kept: dict[str, Found] = {}
    for result in found:
        if result["url"].startswith(("http://", "https://")):
            kept.setdefault(result["url"].rstrip("/"), result)
    return list(kept.values())


def as_text(query: str, found: list[Found]) -> str:
    """The results for a model: number, title, address, snippet."""
    if not found:
        return f"No results for {query!r}. Try fewer or other words."
    return "\n\n".join(_entry(number, result) for number, result in enumerate(found, 1))


def _entry(number: int, result: Found) -> str:
    about = ", ".join(part for part in (result["source"], result["date"]) if part)
    title = _cut(result["title"] or result["url"], _TITLE) + (f" ({about})" if about else "")
    lines = [f"{number}. {title}", f"   {result['url']}"]
    if result["snippet"]:
        lines.append(f"   {_cut(result['snippet'], _SNIPPET)}")
    return "\n".join(lines)


def _cut(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
