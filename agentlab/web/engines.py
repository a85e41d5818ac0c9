"""Public search engines, through ddgs's readers of their pages.

Its own front asks them in random order, waits for slow ones beyond its timeout and reports every
refusal as "no results". So its engines are asked here one after the other, and the status of each
answer is kept.
"""

from __future__ import annotations

import re
from typing import Any

from agentlab.web import failures, http
from agentlab.web.searching import Found, Freshness

_TEXT = ("duckduckgo", "brave", "mojeek", "startpage", "yahoo", "wikipedia")
_DATED = ("duckduckgo", "brave", "startpage", "yahoo")  # those that know how old a page is
_NEWS = ("duckduckgo", "yahoo", "bing")
_PER_ENGINE = 8.0  # seconds
_REFUSED = (202, 403, 429)  # how they turn away what looks like a program
_CAPTCHA = re.compile(  # how they do so with status 200
    r"(?i)(?:g-re|\bh-?|px-|/)captcha|captcha-(?:form|box|container)|cf-turnstile|"
    r"challenge-platform|anomaly-modal|unusual traffic|"
    r"(?:not|n['’]t) a (?:robot|bot)\b|\byou(?:['’]| a)re (?:a )?human"
)


class _Watched:
    """An engine's HTTP client that remembers the statuses of its answers, and the last text."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.statuses: list[int] = []
        self.text = ""

    @property
    def client(self) -> Any:
        return self._client.client

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self.text = ""
        response = self._client.request(*args, **kwargs)
        self.statuses.append(response.status_code)
        self.text = str(getattr(response, "text", ""))
        return response


def search(
    query: str, region: str, freshness: Freshness, news: bool, deadline: float
) -> list[Found]:
    """The results of the first engine that has any; none where most say that there are none.

    Raises:
        ToolError: none has results, and most of those asked did not answer properly.
    """
    from ddgs.engines import ENGINES

    readers = ENGINES["news" if news else "text"]
    names = _NEWS if news else (_TEXT if freshness == "any" else _DATED)
    problems: dict[str, str] = {}
    empty: list[str] = []
    for name in (name for name in names if name in readers):
        try:
            seconds = min(http.remaining(deadline), _PER_ENGINE)
        except TimeoutError:
            problems.setdefault("other engines", "no time was left")
            break
        results, problem = _ask(readers[name], query, region, freshness, seconds)
        if results:
            return results
        if problem:
            problems[name] = problem
        else:
            empty.append(name)
    # Wikipedia completes titles; that it has none says nothing of what the others would know.
    said_none = [name for name in empty if name != "wikipedia"]
    failed = [name for name in problems if name in names and name != "wikipedia"]
    if empty and len(said_none) >= len(failed):
        return []
    said = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
    if any(problem.startswith("refused") for problem in problems.values()):
        raise failures.rate_limited(said)
    raise failures.out_of_order(said)


def _ask(
    reader: Any, query: str, region: str, freshness: Freshness, seconds: float
) -> tuple[list[Found], str]:
    """One engine's results, or why there are none (empty when it simply knows none)."""
    engine = reader(timeout=seconds)
    engine.http_client = watched = _Watched(engine.http_client)
    limit = None if freshness == "any" else freshness[0]
    try:
        results = engine.search(query, region=region, timelimit=limit)
    except Exception as error:  # noqa: BLE001 - a page that changed breaks its reader in any way
        results, failure = None, _reason(error)
    else:
        failure = ""
    found = [_found(result) for result in results or []]
    status = watched.statuses[-1] if watched.statuses else 0
    if found:
        return found, ""
    if status in _REFUSED:
        return [], f"refused with HTTP {status}"
    if status and status != 200:
        return [], f"HTTP {status}"
    if _CAPTCHA.search(watched.text) and not _CAPTCHA.search(query):
        return [], "refused with a captcha"
    if results is None and status and not failure:
        return [], "its answer is empty"
    return [], failure


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__} {error}"
    if "timed out" in text.lower() or "timeout" in text.lower():
        return "no answer in time"
    if "connect" in text.lower() or "dns" in text.lower():
        return "no connection"
    return "its answer cannot be read"


def _found(result: Any) -> Found:
    return Found(
        title=str(result.title or ""),
        url=str(getattr(result, "href", "") or getattr(result, "url", "")),
        snippet=str(result.body or ""),
        date=str(getattr(result, "date", "") or "")[:10],
        source=str(getattr(result, "source", "") or ""),
    )
