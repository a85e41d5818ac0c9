"""A web page to its readable text."""

from __future__ import annotations

import email.message
import re
from dataclasses import dataclass

from agentlab.config import settings
from agentlab.errors import ToolError
from agentlab.web.http import Response, get
from agentlab.web.outgoing import secret_in
from agentlab.web.reading import read_html

_HTML = ("text/html", "application/xhtml+xml")
_TEXT = ("application/json", "application/xml", "application/yaml", "application/ld+json")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """A page's address after redirects, its title (may be empty) and its text."""

    url: str
    title: str
    text: str


def fetch(url: str, *, timeout: float) -> Page:
    """The page at ``url``.

    Raises:
        ToolError: it cannot be had, may not be had, or is no text.
    """
    refuse_secrets(url, "the address")
    private = settings().fetch_private
    response = get(url, timeout=timeout, private=private, accept="text/html,text/*;q=0.9,*/*;q=0.1")
    _refuse_error_status(response)
    kind = response.content_type or "text/html"
    if kind in _HTML:
        return _readable(response)
    if kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml")):
        return Page(response.url, "", response.body.decode(_charset(response), errors="replace"))
    raise ToolError(f"{response.url} is no page but {kind}", hint="look for a page about it")


def refuse_secrets(text: str, what: str) -> None:
    """Refuse to send ``text`` when it holds a credential, in whatever way it is written.

    Raises:
        ToolError: it does.
    """
    rule = secret_in(text)
    if rule:
        raise ToolError(
            f"{what} holds a secret ({rule}) and was not sent", hint="leave the secret out"
        )


def _refuse_error_status(response: Response) -> None:
    status = response.status
    if status == 200:
        return
    if status in (404, 410):
        said, hint = "there is no page at this address", "search for another one"
    elif status in (401, 402, 403, 451):
        said, hint = "the page is not open to everybody", "use another page"
    elif status == 429:
        said, hint = "the site asks to wait, as there were too many requests", "use another page"
    elif status >= 500:
        said, hint = "the site is out of order", "try again later, or use another page"
    else:
        said, hint = "the site sent no page", "use another page"
    raise ToolError(f"{said} (HTTP {status})", hint=hint)


def _charset(response: Response) -> str:
    header = email.message.Message()
    header["content-type"] = response.headers.get("content-type", "")
    named = header.get_content_charset()
    if named is None and (meta := _META_CHARSET.search(response.body[:2048])):
        named = meta.group(1).decode()
    try:
        "".encode(named or "utf-8")
    except LookupError:
        return "utf-8"
    return named or "utf-8"


def _readable(response: Response) -> Page:
    html = response.body.decode(_charset(response), errors="replace")
    title, text = read_html(html, response.url)
    if not text.strip():
        raise ToolError(
            "the page holds no text without running its scripts", hint="use another page"
        )
    return Page(response.url, title, text)
