"""The HTML page, in a real browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agentlab.scenarios.report import html
from agentlab.scenarios.results import Failure, ScenarioResult, SuiteResult
from tests.scenarios.report.hostile import hostile
from tests.support.chromium import Page

Opener = Callable[[SuiteResult], list[str]]

OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"
ACTIVE = "document.activeElement"
SHOWN_ROWS = (
    "[...document.querySelectorAll('tbody tr')].filter(row => row.offsetParent)"
    ".map(row => row.querySelector('a').textContent)"
)
# The contrast of every visible text with what is behind it, the worst first.
CONTRAST = """
(() => {
  const channels = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = color => {
    const [r, g, b] = channels(color).map(x => x / 255)
      .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    throw new Error('nothing is behind ' + element.outerHTML);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (['SCRIPT', 'STYLE', 'svg'].includes(element.tagName)) continue;
    const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort();
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    found.push([ratio, element.tagName + '.' + element.className]);
  }
  return found.sort((a, b) => a[0] - b[0]);
})()
"""


class _Pages(BaseHTTPRequestHandler):
    pages: list[str]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.pages[-1].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def served() -> Iterator[type[_Pages]]:
    """A web server on loopback, which sees every request of the page."""
    handler = type("Pages", (_Pages,), {"pages": [], "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        handler.address = f"http://127.0.0.1:{server.server_port}/report.html"  # type: ignore[attr-defined]
        yield handler
        server.shutdown()


@pytest.fixture
def show(browser: Page, served: type[_Pages]) -> Callable[[str], list[str]]:
    """Load a page: the requests that the server saw."""

    def shown(text: str) -> list[str]:
        served.pages.append(text)
        served.asked.clear()
        browser.size(1100, 900)
        browser.media()
        browser.open(served.address)  # type: ignore[attr-defined]
        return served.asked

    return shown


@pytest.fixture
def page(browser: Page, show: Callable[[str], list[str]], suite: SuiteResult) -> Page:
    """The page of the sample suite, freshly loaded."""
    assert show(html(suite)) == ["/report.html"]
    return browser


def complaints(page: Page) -> list[object]:
    """All that the console got: messages, errors, violations of the policy."""
    return page.named("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


def test_it_asks_nothing_of_the_network_and_the_console_is_empty(page: Page) -> None:
    page.js(OPEN_ALL)
    page.settle()
    asked = [event["request"]["url"] for event in page.named("Network.requestWillBeSent")]
    assert [url for url in asked if not url.endswith("/report.html")] == []
    assert complaints(page) == []


def test_no_text_from_outside_runs_or_loads(
    browser: Page, show: Callable[[str], list[str]]
) -> None:
    for status in ("drift", "failed"):
        assert show(html(hostile(status))) == ["/report.html"]  # type: ignore[arg-type]
        browser.js(OPEN_ALL)
        browser.settle()
        assert complaints(browser) == []
        assert browser.js("typeof window.pwned") == "undefined"
        assert browser.js("document.images.length") == 0
        assert browser.js("document.querySelectorAll('style, script').length") == 2
        text = browser.js("document.body.innerText")
        assert "<script>window.pwned" in text
        assert "<U+202E>" in text
        assert not set(text) & {"\x1b", "\u202e", "\u2066", "\x07"}


def test_the_policy_stops_what_would_get_past_the_escaping(
    browser: Page, show: Callable[[str], list[str]], suite: SuiteResult
) -> None:
    smuggled = "<script>window.pwned = 1</script><img src='/spy.png' onerror='window.pwned = 2'>"
    assert show(html(suite).replace("<footer>", f"{smuggled}<footer>")) == ["/report.html"]
    assert browser.js("typeof window.pwned") == "undefined"
    assert len(complaints(browser)) >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, scheme: str) -> None:
    page.media(scheme=scheme)
    page.js(OPEN_ALL)
    page.settle()
    found = page.js(CONTRAST)
    assert len(found) > 100
    assert found[0][0] >= 4.5, found[:5]
    back = page.js("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 20, 26)"}[scheme]


def test_the_keyboard_reaches_everything_in_order(page: Page) -> None:
    page.press("Tab")
    assert page.js(f"{ACTIVE}.className") == "skip"
    assert page.js(f"{ACTIVE}.getBoundingClientRect().left >= 0")
    page.js(
        "window.order = [...document.querySelectorAll('a, button, input, summary')]"
        ".filter(one => one.checkVisibility())"
    )
    total = page.js("order.length")
    assert total > 20
    for place in range(1, total):
        page.press("Tab")
        assert page.js(f"order.indexOf({ACTIVE})") == place
        assert page.js(f"getComputedStyle({ACTIVE}).outlineStyle") == "solid"


def test_the_skip_link_skips(page: Page) -> None:
    page.press("Tab")
    page.press("Enter")
    page.press("Tab")
    assert page.js(f"{ACTIVE} === document.querySelector('.scenario > summary')")


def test_a_step_opens_by_the_keyboard(page: Page) -> None:
    page.js("document.querySelector('#s2 .step summary').focus()")
    assert not page.js(f"{ACTIVE}.parentElement.open")
    page.press("Enter")
    assert page.js(f"{ACTIVE}.parentElement.open")
    assert "Hold the reset button" in page.js(f"{ACTIVE}.parentElement.innerText")


def test_slash_filters_and_escape_shows_all(page: Page) -> None:
    page.press("/")
    assert page.js(f"{ACTIVE}.id") == "filter"
    for key in "refund":
        page.press(key)
    assert page.js(f"{ACTIVE}.value") == "refund"
    assert page.js(SHOWN_ROWS) == ["big-refund[model=local]"]
    assert page.js("document.getElementById('shown').value") == "1 of 5 shown"
    visible = "[...document.querySelectorAll('.scenario')].filter(e => e.checkVisibility())"
    assert page.js(f"{visible}.map(one => one.id)") == ["s3"]
    page.press("Escape")
    assert len(page.js(SHOWN_ROWS)) == 5


def test_a_status_is_hidden_by_its_box(page: Page) -> None:
    page.js("document.querySelector('input[value=failed]').focus()")
    page.press(" ")
    assert page.js(SHOWN_ROWS) == [
        *("remembers-the-order", "big-refund[model=local]", "no-recording", "later"),
    ]


def test_the_table_sorts_by_the_keyboard_and_says_so(page: Page) -> None:
    page.js("document.querySelector('[data-sort=calls] button').focus()")
    page.press("Enter")
    assert page.js("document.querySelector('[data-sort=calls]').ariaSort") == "ascending"
    assert page.js(SHOWN_ROWS)[-2:] == ["remembers-the-order", "manual-rag"]
    page.press("Enter")
    assert page.js("document.querySelector('[data-sort=calls]').ariaSort") == "descending"
    assert page.js(SHOWN_ROWS)[:2] == ["remembers-the-order", "manual-rag"]
    page.js("document.querySelector('[data-sort=rank] button').click()")
    assert page.js(SHOWN_ROWS)[0] == "no-recording"
    assert page.js("document.querySelectorAll('[aria-sort]').length") == 1


def test_a_link_opens_its_scenario(page: Page) -> None:
    assert not page.js("document.getElementById('s1').open")
    page.js("document.querySelector('tbody a').focus()")
    page.press("Enter")
    assert page.js("document.getElementById('s1').open")
    assert page.js(f"{ACTIVE} === document.querySelector('#s1 > summary')")


def test_every_control_has_a_name_and_every_id_is_one(page: Page) -> None:
    page.command("Accessibility.enable")
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    kinds = ("link", "button", "checkbox", "searchbox", "region", "search", "heading", "table")
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in (*kinds, "DisclosureTriangle")
    ]
    assert {role for role, _ in named} >= {*kinds, "DisclosureTriangle"}
    assert [role for role, name in named if not name.strip()] == []
    ids = page.js("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert page.js("document.documentElement.lang") == "en"
    levels = page.js("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert page.js("document.querySelectorAll('main, header, footer').length") == 3


def test_it_fits_a_phone(page: Page) -> None:
    page.size(360, 800)
    page.js(OPEN_ALL)
    page.settle()
    assert page.js("document.documentElement.scrollWidth") <= 360


def test_print_leaves_out_the_controls_and_opens_the_scenarios(page: Page) -> None:
    page.media(medium="print")
    assert not page.js("document.querySelector('.controls').checkVisibility()")
    assert len(page.command("Page.printToPDF")["data"]) > 10_000
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js("document.getElementById('s1').open")
    page.js("dispatchEvent(new Event('afterprint'))")
    assert not page.js("document.getElementById('s1').open")


def test_it_reads_without_its_script(
    browser: Page, show: Callable[[str], list[str]], suite: SuiteResult
) -> None:
    show(re.sub(r"(?s)<script>.*</script>", "", html(suite)))
    assert not browser.js("document.querySelector('.controls').checkVisibility()")
    assert len(browser.js(SHOWN_ROWS)) == 5
    assert "supervisor" in browser.js("document.getElementById('s3').innerText")
    assert not browser.js("document.querySelector('thead button')")


def test_a_huge_answer_is_folded_away(browser: Page, show: Callable[[str], list[str]]) -> None:
    huge = "word " * 100_000
    failure = Failure("expect.equals", "short", huge)
    result = ScenarioResult("huge", "a.yaml", 1, "failed", failures=[failure])
    show(html(SuiteResult([result])))
    assert browser.js("document.documentElement.scrollHeight") < 2_000
    assert browser.js("document.querySelector('.long').innerText").startswith("500,000 characters")
    browser.js(OPEN_ALL)
    assert "300,000 more characters" in browser.js("document.querySelector('.long').innerText")


def test_a_suite_of_nothing(browser: Page, show: Callable[[str], list[str]]) -> None:
    show(html(SuiteResult([])))
    assert complaints(browser) == []
    assert "There were no scenarios" in browser.js("document.body.innerText")
    browser.press("/")
    browser.press("x")
    assert browser.js("document.getElementById('shown').value") == "0 of 0 shown"
