"""A SearXNG server's JSON interface: ``GET /search?q=…&format=json``.

Its protocol: https://docs.searxng.org/dev/search_api.html. The server's ``settings.yml`` must list
``json`` under ``search.formats``.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from agentlab.errors import ConfigError, ToolError
from agentlab.web import failures, http
from agentlab.web.searching import Found, Freshness


def search(
    endpoint: str, query: str, region: str, freshness: Freshness, news: bool, deadline: float
) -> list[Found]:
    """Ask the server at ``endpoint``. It is the user's own, so its address may be private.

    Raises:
        ToolError: the server asks to wait or is out of order.
        ConfigError: the server does not speak JSON.
    """
    country, language = region.split("-")
    country = {"uk": "gb"}.get(country, country)  # search engines write uk, ISO 3166 GB
    parameters = {
        "q": query,
        "format": "json",
        "language": f"{language}-{country.upper()}",
        "categories": "news" if news else "general",
    }
    if freshness != "any":
        parameters["time_range"] = freshness
    url = f"{endpoint.rstrip('/')}/search?{urllib.parse.urlencode(parameters)}"
    try:
        seconds = http.remaining(deadline)
        response = http.get(url, timeout=seconds, private=True, accept="application/json")
    except (ToolError, TimeoutError) as error:
        raise failures.out_of_order(str(error) or "no time was left") from error
    if response.status == 429:
        raise failures.rate_limited("HTTP 429")
    if response.status == 403:
        raise ConfigError(
            f"the search server {endpoint} refuses JSON (HTTP 403)",
            hint="list json under search.formats in its settings.yml",
        )
    if response.status != 200:
        raise failures.out_of_order(f"HTTP {response.status}")
    return _results(response.body)


def _results(body: bytes) -> list[Found]:
    try:
        answer = json.loads(body)
        results = [_found(result) for result in answer["results"] if result.get("url")]
        silent = [tuple(entry) for entry in answer.get("unresponsive_engines", [])]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise failures.out_of_order("its answer cannot be read") from error
    if results or not silent:
        return results
    reasons = "; ".join(": ".join(str(part) for part in entry) for entry in silent)
    if any("too many requests" in str(entry).lower() for entry in silent):
        raise failures.rate_limited(reasons)
    raise failures.out_of_order(reasons)


def _found(result: dict[str, Any]) -> Found:
    return Found(
        title=str(result.get("title") or ""),
        url=str(result["url"]),
        snippet=str(result.get("content") or ""),
        date=str(result.get("publishedDate") or "")[:10],
        source="",
    )
