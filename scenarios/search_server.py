"""`python -m scenarios.search_server`: a stand-in of a search server, to record `price` with.

It speaks SearXNG's protocol on loopback and knows one answer. Then, in another terminal::

    export AGENTLAB_SEARCH_URL=http://127.0.0.1:8899
    agentlab test scenarios/agents.yaml -k price --record all
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

RESULTS = [
    {
        "title": "MacBook Pro - prices and models",
        "url": "https://shop.example/macbook-pro",
        "content": "The 14-inch MacBook Pro costs $1,599 in the United States. "
        "Larger models cost more.",
    },
    {
        "title": "Which MacBook Pro to buy",
        "url": "https://reviews.example/laptops/macbook-pro",
        "content": "We compare the models. For most people the 14-inch one at $1,599 is enough.",
    },
    {
        "title": "Used laptops",
        "url": "https://used.example/laptops",
        "content": "Second-hand notebooks with a warranty of a year.",
    },
]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"results": RESULTS}).encode())


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8899), _Handler).serve_forever()
