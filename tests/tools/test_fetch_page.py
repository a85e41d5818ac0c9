"""Pages: their text, and everything that must not be fetched."""

from __future__ import annotations

import gzip
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from agentlab.errors import ToolError
from agentlab.tools import ToolPolicy, guard, load_tools
from agentlab.web import addresses, pages
from agentlab.web.addresses import is_public
from agentlab.web.reading import read_html

from .conftest import Reply, Site

ARTICLE = """<html><head><title>On Newts</title></head><body>
<nav><a href="/">Home</a> <a href="/buy">Buy now</a></nav>
<article><h1>On Newts</h1>
<p>Newts are small animals that live in water and on land, and that grow lost limbs again.</p>
<p>They eat insects, worms and slugs, and sleep under stones and logs through the winter.</p>
</article><footer>All rights reserved</footer></body></html>"""


@pytest.fixture
def local(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("AGENTLAB_FETCH_PRIVATE", "1")
    return site


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time to start the process that reads a page, on a machine that does much else."""
    monkeypatch.setattr(pages, "read_html", partial(read_html, timeout=60))


def fetch(url: str) -> pages.Page:
    return pages.fetch(url, timeout=60)


def answer_lookups(patch: pytest.MonkeyPatch, lookup: Callable[[str], list[str]]) -> None:
    """Answer the names that `resolve` looks up; tests may only look up loopback."""

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in lookup(host)]

    stand_in = SimpleNamespace(getaddrinfo=getaddrinfo, SOCK_STREAM=socket.SOCK_STREAM)
    patch.setattr(addresses, "socket", stand_in)


def test_the_tool_reads_a_page(local: Site) -> None:
    local.paths["/newts"] = Reply(200, ARTICLE.encode())
    (loaded,) = load_tools("fetch_page")
    tool = guard(loaded, ToolPolicy(timeout=120, network=True))
    call = {"type": "tool_call", "id": "1", "name": "fetch_page", "args": {}}
    message = tool.invoke({**call, "args": {"url": f"{local.url}/newts"}})
    assert message.content.startswith("On Newts\n\n")
    assert "grow lost limbs again" in message.content
    assert "Buy now" not in message.content
    assert message.artifact == {"url": f"{local.url}/newts", "title": "On Newts"}
    message = tool.invoke({**call, "args": {"url": f"{local.url}/newts", "start": 100_000}})
    assert message.status == "error"
    assert "begin at a smaller start" in message.content


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/admin",
        "http://2130706433/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_private_addresses_are_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"2130706433": "127.0.0.1", "127.1": "127.0.0.1", "localhost": "127.0.0.1"}
    answer_lookups(monkeypatch, lambda host: [numbers.get(host, host)])
    with pytest.raises(ToolError, match="private address"):
        fetch(url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("192.0.2.1", False),
        ("64:ff9b::7f00:1", False),  # NAT64 of 127.0.0.1
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::7f00:1", False),  # a network's own NAT64
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("fec0::1", False),
        ("::127.0.0.1", False),  # IPv4-compatible
        ("::169.254.169.254", False),
        ("::ffff:0:127.0.0.1", False),  # IPv4-translated
        ("::ffff:0:808:808", True),
        ("3fff::1", False),  # documentation
        ("5f00::1", False),  # segment routing
        ("100:0:0:1::1", False),  # dummy
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    import ipaddress

    assert is_public(ipaddress.ip_address(address)) is public


def test_a_name_that_points_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_lookups(monkeypatch, lambda _host: ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(ToolError, match=r"'inside\.example' is a private address"):
        fetch("http://inside.example/")


def test_the_connection_goes_to_the_checked_address(
    local: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name whose second answer differs (DNS rebinding) has no second answer asked."""
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "10.0.0.1"]

    answer_lookups(monkeypatch, lookup)
    local.paths["/"] = Reply(200, b"hello", {"Content-Type": "text/plain"})
    port = local.url.rpartition(":")[2]
    assert fetch(f"http://rebinding.example:{port}/").text == "hello"
    assert asked == ["rebinding.example"]


def test_a_redirect_is_checked_like_the_first_address(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address counts as public here; the one it points to does not."""
    site.paths["/"] = Reply(302, headers={"Location": "http://169.254.169.254/latest/"})
    monkeypatch.setattr(addresses, "is_public", lambda address: str(address) == "127.0.0.1")
    answer_lookups(monkeypatch, lambda host: [host])
    with pytest.raises(ToolError, match=r"'169\.254\.169\.254' is a private address"):
        fetch(site.url)
    assert [path for path, _ in site.requests] == ["/"]


def test_redirects_are_followed_five_times(local: Site) -> None:
    for n in range(6):
        local.paths[f"/{n}"] = Reply(301, headers={"Location": f"/{n + 1}"})
    local.paths["/6"] = Reply(200, b"end", {"Content-Type": "text/plain"})
    assert fetch(f"{local.url}/1").url == f"{local.url}/6"
    with pytest.raises(ToolError, match="redirects more than 5 times"):
        fetch(f"{local.url}/0")


def test_a_redirect_to_no_address_says_so(local: Site) -> None:
    local.paths["/"] = Reply(302, headers={"Location": "http://["})
    with pytest.raises(ToolError, match=r"redirects to 'http://\[', which is none"):
        fetch(local.url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/", "no http or https address"),
        ("file:///etc/passwd", "no http or https address"),
        ("example.com", "no http or https address"),
        ("", "no http or https address"),
        ("http://", "no http or https address"),
        ("http://[::1", "is no address"),
        ("http://a:99999/", "is no address"),
        ("http://user:pass@a.example/", "secret|user name"),
        ("http://user@a.example/", "user name"),
        ("http://no-such-host.invalid/", "was not found"),
        ("http://a.example/?key=sk-" + "a1B2" * 10, "the address holds a secret"),
        ("http://" + "a" * 300 + ".example/", "was not found|is no address"),
    ],
)
def test_wrong_addresses_say_why(url: str, said: str) -> None:
    with pytest.raises(ToolError, match=said) as caught:
        fetch(url)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(404), r"no page at this address \(HTTP 404\)"),
        (Reply(403), r"not open to everybody \(HTTP 403\)"),
        (Reply(429), r"too many requests \(HTTP 429\)"),
        (Reply(503), r"out of order \(HTTP 503\)"),
        (
            Reply(200, b"%PDF", {"Content-Type": "application/pdf"}),
            "is no page but application/pdf",
        ),
        (Reply(200, b"<html><script>x()</script></html>"), "holds no text"),
        (Reply(200, b"x" * 5_000_001, {"Content-Type": "text/plain"}), "larger than 5 MB"),
        (
            Reply(
                200,
                gzip.compress(bytes(50_000_000)),
                {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
            ),
            "larger than 5 MB",
        ),
        (Reply(200, b"x", {"Content-Encoding": "br"}), "compressed as 'br'"),
        (Reply(200, b"not gzip", {"Content-Encoding": "gzip"}), "cannot be reached"),
    ],
)
def test_what_is_no_page_says_why(local: Site, reply: Reply, said: str) -> None:
    local.paths["/"] = reply
    with pytest.raises(ToolError, match=said):
        fetch(local.url)


def test_texts_and_encodings(local: Site) -> None:
    local.paths["/json"] = Reply(200, b'{"a": 1}', {"Content-Type": "application/json"})
    local.paths["/latin"] = Reply(
        200, "café".encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"}
    )
    local.paths["/gzip"] = Reply(
        200, gzip.compress(b"hello"), {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    )
    assert fetch(f"{local.url}/json").text == '{"a": 1}'
    assert fetch(f"{local.url}/latin").text == "café"
    assert fetch(f"{local.url}/gzip").text == "hello"


def test_a_slow_site_is_given_up(local: Site) -> None:
    given_up = threading.Event()

    def slow(_query: dict[str, str]) -> Reply:
        given_up.wait(60)
        return Reply()

    local.paths["/"] = slow
    try:
        with pytest.raises(ToolError, match="did not answer in time"):
            pages.fetch(local.url, timeout=0.3)
    finally:
        given_up.set()


def test_a_page_that_takes_too_long_to_read_is_given_up() -> None:
    with pytest.raises(ToolError, match="could not be read in time"):
        read_html(ARTICLE, "http://a.example", timeout=0.001)


@pytest.mark.parametrize(
    "html",
    ["<div>" * 200_000 + "deep", "<p>" + "a" * 3_000_000, "<!--" * 100_000, "\x00<b>\ud800</b>"],
)
def test_hostile_pages_end(html: str) -> None:
    begun = _work()
    # Read, or given up: nothing else, and soon.
    with suppress(ToolError):
        title, text = read_html(html, "http://a.example", timeout=5)
        assert len(title + text) <= len(html)
    assert _work() - begun < 15


def _work() -> float:
    """Seconds of CPU, here and in processes that ended: the same on a busy machine."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
