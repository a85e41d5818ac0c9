"""The process of :func:`agentlab.web.reading.read_html`: one page on stdin, its text on stdout."""

from __future__ import annotations

import json
import resource
import sys

import trafilatura

_MEMORY = 2 * 1024**3  # bytes of address space
_SECONDS = 20  # of CPU; also ends when the parent is gone


def main() -> None:
    """Read the page, write its title and text."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    page = json.loads(sys.stdin.buffer.read())
    html, url = page["html"], page["url"]
    text = trafilatura.extract(
        html, url=url, include_comments=False, include_tables=True, favor_recall=True
    )
    # A page without an article, such as a list of links.
    text = text or trafilatura.html2txt(html)
    metadata = trafilatura.extract_metadata(html, default_url=url)
    json.dump({"title": (metadata.title if metadata else "") or "", "text": text}, sys.stdout)


if __name__ == "__main__":
    main()
