"""A Hugging Face hub on loopback: a real HTTP server with what huggingface_hub asks of one."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Hub:
    """One repository. Change the fields to change what the server says."""

    repo: str = "lab/tiny-GGUF"
    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = "a" * 40
    refuse: tuple[int, dict[str, str]] | None = None
    cut_after: int | None = None
    cuts: int = 0
    short: int = 0
    promise: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def downloads(self) -> list[str]:
        """The Range header of each download, in order; empty for a whole file."""
        return [
            ranged
            for method, path, ranged in self.requests
            if method == "GET" and "/resolve/" in path
        ]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None: ...

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path, self.headers.get("Range", "")))
            if hub.refuse is not None:
                return self.say(hub.refuse[0], b"", hub.refuse[1])
            if hub.body is not None:
                return self.say(200, hub.body, {})
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                return self.list(match[1], match[2])
            if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                return self.file(match[3])
            return self.say(404, b"", {})

        def list(self, repo: str, revision: str | None) -> None:
            if repo != hub.repo:
                return self.say(401, b"", {"X-Error-Code": "RepoNotFound"})
            if revision not in (None, "main", hub.commit):
                return self.say(404, b"", {"X-Error-Code": "RevisionNotFound"})
            siblings = [
                {
                    "rfilename": name,
                    "size": len(data),
                    "blobId": "0" * 40,
                    "lfs": {"sha256": self.sum(name), "size": len(data), "pointerSize": 134},
                }
                for name, data in hub.files.items()
            ]
            found = {"id": repo, "sha": hub.commit, "siblings": siblings}
            return self.say(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

        def file(self, name: str) -> None:
            if name not in hub.files:
                return self.say(404, b"", {"X-Error-Code": "EntryNotFound"})
            data = hub.files[name]
            headers = {"ETag": f'"{self.sum(name)}"', "X-Repo-Commit": hub.commit}
            status, start = 200, 0
            if ranged := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
                status, start = 206, int(ranged[1])
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            sent = data[start : len(data) - hub.short] if self.command == "GET" else data
            return self.say(status, sent, headers)

        def sum(self, name: str) -> str:
            return hub.promise.get(name) or hashlib.sha256(hub.files[name]).hexdigest()

        def say(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if hub.cuts and hub.cut_after is not None and "/resolve/" in self.path:
                hub.cuts -= 1
                self.wfile.write(body[: hub.cut_after])
                self.close_connection = True
                return
            self.wfile.write(body)

    return Handler


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Serve ``hub`` for the block; ``hub.url`` is where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
