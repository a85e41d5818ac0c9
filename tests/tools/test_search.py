"""Search against a real server: SearXNG's protocol, and ddgs's engines with their failures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import ToolMessage

from agentlab.errors import Offline, ToolError
from agentlab.offline import offline
from agentlab.tools import load_tools

from .conftest import Reply, Site


def search(**arguments: Any) -> ToolMessage:
    (tool,) = load_tools("search")
    message = tool.invoke({"type": "tool_call", "id": "1", "name": "search", "args": arguments})
    assert isinstance(message, ToolMessage)
    return message


def answer(*results: dict[str, str], **more: Any) -> Reply:
    body = json.dumps({"query": "q", "results": results, **more}).encode()
    return Reply(200, body, {"Content-Type": "application/json"})


RESULT = {"title": "MacBook Pro", "url": "https://apple.example/mac", "content": "From  $1,599."}


@pytest.fixture
def server(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AGENTLAB_SEARCH_URL", site.url)
    return site


def test_results_are_numbered_and_their_addresses_kept(server: Site) -> None:
    other = {"title": "News", "url": "https://b.example/2", "publishedDate": "2025-01-02T03:04:05"}
    server.paths["/search"] = answer(RESULT, RESULT, other, {"title": "x", "url": "javascript:1"})
    message = search(query=" price of  a MacBook Pro", count=5)
    assert message.content == (
        "1. MacBook Pro\n   https://apple.example/mac\n   From $1,599.\n\n"
        "2. News (2025-01-02)\n   https://b.example/2"
    )
    assert [found["url"] for found in message.artifact] == [RESULT["url"], other["url"]]
    assert message.status == "success"
    (_, query), *_ = server.requests
    assert query["q"] == "price of a MacBook Pro"
    assert query["format"] == "json"


def test_region_freshness_count_and_news_are_asked_for(server: Site) -> None:
    results = [{"title": str(n), "url": f"https://a.example/{n}"} for n in range(9)]
    server.paths["/search"] = answer(*results)
    message = search(query="x", count=3, region="de-DE", freshness="week", news=True)
    assert len(message.artifact) == 3
    query = server.requests[0][1]
    assert query == {
        "q": "x",
        "format": "json",
        "language": "de-DE",
        "categories": "news",
        "time_range": "week",
    }


def test_the_united_kingdom_has_its_iso_code(server: Site) -> None:
    server.paths["/search"] = answer()
    search(query="x", region="uk-en")
    assert server.requests[0][1]["language"] == "en-GB"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(429), "too many requests: HTTP 429"),
        (
            answer(unresponsive_engines=[["google", "Suspended: too many requests"]]),
            "too many requests: google: Suspended",
        ),
        (Reply(500), "out of order: HTTP 500"),
        (answer(unresponsive_engines=[["google", "timeout"]]), "out of order: google: timeout"),
        (Reply(200, b"<html>"), "out of order: its answer cannot be read"),
        (Reply(200, b"[1]"), "out of order: its answer cannot be read"),
        (Reply(200, b'{"results": [1]}'), "out of order: its answer cannot be read"),
    ],
)
def test_a_refusal_and_an_outage_are_told_apart(server: Site, reply: Reply, said: str) -> None:
    server.paths["/search"] = reply
    message = search(query="x")
    assert message.status == "error"
    assert said in message.content


def test_no_results_are_no_error(server: Site) -> None:
    server.paths["/search"] = answer()
    message = search(query="xyzzy")
    assert message.status == "success"
    assert message.content == "No results for 'xyzzy'. Try fewer or other words."
    assert message.artifact == []


def test_no_server_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTLAB_SEARCH_URL", "http://127.0.0.1:9")
    assert "out of order" in search(query="x").content


def test_a_server_without_json_is_the_users_to_mend(server: Site) -> None:
    server.paths["/search"] = Reply(403)
    message = search(query="x")
    assert message.status == "error"
    assert "refuses JSON" in message.content
    assert "search.formats" in message.content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"query": "  "}, "the query is empty"),
        ({"query": "x" * 401}, "401 characters"),
        ({"query": "x", "count": 0}, "count is 0"),
        ({"query": "x", "count": 21}, "count is 21"),
        ({"query": "x", "region": "Europe"}, "is not country-language"),
        ({"query": "x", "freshness": "decade"}, "'freshness' of search is wrong"),
        ({}, "needs the argument 'query'"),
    ],
)
def test_wrong_arguments_say_what_to_write(
    server: Site, arguments: dict[str, Any], said: str
) -> None:
    assert said in search(**arguments).content
    assert not server.requests


def test_a_secret_is_not_sent(server: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "correct-horse-battery")
    for secret in ("sk-" + "a1B2" * 10, "correct-horse-battery"):
        content = search(query=f"who uses {secret} as a password").content
        assert "holds a secret" in content
        assert secret not in content
    assert not server.requests


def test_a_replay_never_searches(server: Site) -> None:
    with offline(), pytest.raises(Offline):
        search(query="x")


# The public engines, whose addresses are moved to the loopback server.


def page(*results: tuple[str, str, str]) -> Reply:
    items = "".join(
        f'<div class="links_main result__body"><h2>{title}</h2><a href="{url}">{text}</a></div>'
        for title, url, text in results
    )
    return Reply(200, f"<html><body>{items}</body></html>".encode())


@pytest.fixture
def engines(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Only DuckDuckGo's and Mojeek's readers, asked at loopback."""
    from ddgs.engines import ENGINES

    for name in ("duckduckgo", "mojeek"):
        monkeypatch.setattr(ENGINES["text"][name], "search_url", f"{site.url}/{name}")
    only = {name: ENGINES["text"][name] for name in ("mojeek", "duckduckgo")}
    monkeypatch.setitem(ENGINES, "text", only)
    return site


def test_the_first_engine_with_results_answers(engines: Site) -> None:
    engines.paths["/duckduckgo"] = page(("Title", "https://a.example/1", "Some text"))
    message = search(query="x", region="wt-wt", freshness="week")
    assert message.artifact == [
        {
            "title": "Title",
            "url": "https://a.example/1",
            "snippet": "Some text",
            "date": "",
            "source": "",
        }
    ]
    (_, query), *rest = engines.requests
    assert (query["q"], query["l"], query["df"]) == ("x", "us-en", "w")
    assert not rest, "the others are left alone"


def test_the_next_engine_is_asked_when_the_first_refuses(engines: Site) -> None:
    engines.paths["/duckduckgo"] = Reply(202, b"<html>prove that you are human</html>")
    engines.paths["/mojeek"] = Reply(
        200,
        b"<ul class='results'><li><h2><a href='https://m.example'>M</a></h2>"
        b"<p class='s'>text</p></li></ul>",
    )
    assert search(query="x").content == "1. M\n   https://m.example\n   text"
    assert [path for path, _ in engines.requests] == ["/duckduckgo", "/mojeek"]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (Reply(202, b"x"), Reply(403, b"x"), "duckduckgo: refused with HTTP 202; mojeek: refused"),
        (Reply(429, b"x"), Reply(500, b"x"), "too many requests: duckduckgo: refused"),
        (
            Reply(500, b"x"),
            Reply(503, b"x"),
            "out of order: duckduckgo: HTTP 500; mojeek: HTTP 503",
        ),
        (Reply(200, b""), Reply(500), "out of order: duckduckgo: its answer is empty"),
        (
            Reply(200, b"<form action='/captcha-form'>Show that you are human</form>"),
            Reply(500),
            "too many requests: duckduckgo: refused with a captcha",
        ),
        (page(), Reply(500), "No results for 'x'"),
        (Reply(500), page(), "No results for 'x'"),
    ],
)
def test_statuses_that_ddgs_hides_are_seen(
    engines: Site, first: Reply, second: Reply, said: str
) -> None:
    engines.paths["/duckduckgo"], engines.paths["/mojeek"] = first, second
    assert said in search(query="x").content


def test_that_wikipedia_has_no_title_says_nothing_of_engines_that_refuse(
    engines: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ddgs.engines import ENGINES
    from ddgs.engines.wikipedia import Wikipedia

    def titles(self: Any, *_args: Any, **_options: Any) -> list[Any]:
        self.http_client.statuses.append(200)
        return []

    monkeypatch.setattr(Wikipedia, "search", titles)
    monkeypatch.setitem(ENGINES["text"], "wikipedia", Wikipedia)
    engines.paths["/duckduckgo"] = Reply(202, b"<html>prove that you are human</html>")
    engines.paths["/mojeek"] = Reply(429)
    assert "too many requests" in search(query="x").content
    engines.paths["/mojeek"] = page()
    assert "No results for 'x'" in search(query="x").content
    for name in ("duckduckgo", "mojeek"):
        monkeypatch.delitem(ENGINES["text"], name)
    assert "No results for 'x'" in search(query="x").content


def test_one_engine_without_results_does_not_speak_for_those_that_refuse(
    engines: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ddgs.engines import ENGINES

    class Another(ENGINES["text"]["duckduckgo"]):  # type: ignore[misc]
        search_url = f"{engines.url}/brave"

    monkeypatch.setitem(ENGINES["text"], "brave", Another)
    engines.paths["/duckduckgo"], engines.paths["/brave"] = Reply(202, b"x"), Reply(429)
    engines.paths["/mojeek"] = page()
    said = "too many requests: duckduckgo: refused with HTTP 202; brave: refused with HTTP 429"
    assert said in search(query="x").content
    engines.paths["/brave"] = page()
    assert "No results for 'x'" in search(query="x").content


def test_a_query_about_captchas_is_not_taken_for_one(engines: Site) -> None:
    asked = Reply(200, b"<html>No results for: is unusual traffic a crime</html>")
    engines.paths["/duckduckgo"] = engines.paths["/mojeek"] = asked
    assert "No results" in search(query="is unusual traffic a crime").content


def test_no_connection_is_an_outage(engines: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from ddgs.engines import ENGINES

    for reader in ENGINES["text"].values():
        monkeypatch.setattr(reader, "search_url", "http://127.0.0.1:9/")
    assert "out of order: duckduckgo: no connection" in search(query="x").content


def test_slow_engines_are_given_up_together(engines: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentlab.web import searching

    def slow(_query: dict[str, str]) -> Reply:
        time.sleep(3)
        return page()

    paths: dict[str, Reply | Callable[[dict[str, str]], Reply]] = engines.paths
    paths["/duckduckgo"] = paths["/mojeek"] = slow
    begun = time.monotonic()
    with pytest.raises(ToolError, match=r"no answer in time.*no time was left"):
        searching.search("x", timeout=0.5)
    assert time.monotonic() - begun < 3
