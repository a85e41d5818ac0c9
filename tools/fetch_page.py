"""The readable text of a web page, as a tool."""

from __future__ import annotations

from langchain_core.tools import tool

from agentlab.errors import ToolError
from agentlab.tools import ToolPolicy
from agentlab.web.pages import fetch

POLICY = ToolPolicy(timeout=40, network=True)


@tool(parse_docstring=True, response_format="content_and_artifact")
def fetch_page(url: str, start: int = 0) -> tuple[str, dict[str, str]]:
    """Read a web page: its title and text, without menus and advertisements.

    Args:
        url: The whole address, http or https.
        start: The character to begin at, to read on in a long page.
    """
    page = fetch(url, timeout=20)
    text = page.text[max(0, start) :]
    if not text:
        raise ToolError(
            f"the page has only {len(page.text)} characters", hint="begin at a smaller start"
        )
    shown = text if start > 0 or not page.title else f"{page.title}\n\n{text}"
    return shown, {"url": page.url, "title": page.title}
