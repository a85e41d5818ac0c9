"""Web search, as a tool."""

from __future__ import annotations

from langchain_core.tools import tool

from agentlab.tools import ToolPolicy
from agentlab.web.searching import Found, Freshness, as_text
from agentlab.web.searching import search as search_web

POLICY = ToolPolicy(timeout=30, network=True)


@tool(parse_docstring=True, response_format="content_and_artifact")
def search(
    query: str,
    count: int = 5,
    region: str = "us-en",
    freshness: Freshness = "any",
    news: bool = False,
) -> tuple[str, list[Found]]:
    """Search the web. Returns numbered results: title, address, snippet.

    Args:
        query: A few words to search for.
        count: How many results, from 1 to 20.
        region: Country and language, such as us-en, uk-en, de-de.
        freshness: How old a result may be.
        news: Search news articles instead of pages.
    """
    found = search_web(query, count=count, region=region, freshness=freshness, news=news)
    return as_text(query, found), found
