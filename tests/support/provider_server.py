"""A hosted API on loopback: a real HTTP server that says what a test tells it to.

Use one of the two protocols, :mod:`tests.support.openai_server` or ``cohere_server``::

    with openai_server() as server:
        server.reply("Hello there!")                      # the next answer; the last one repeats
        server.reply(tool_calls=[("search", {"query": "price"})])
        server.reply("One two three", fault="cut", after=2)   # breaks after two words
        server.fail(429, "slow down", headers={"Retry-After": "2"})
        model = load_model("openai:test", base_url=server.url)
        ...
        server.requests[0].body["messages"]
"""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = Literal["", "cut", "no_finish", "malformed", "hang", "error_event"]


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One answer. ``after`` counts the words sent before the ``fault``; ``delay`` is in seconds."""

    text: str = "Hello there, friend!"
    tool_calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    finish: str = ""
    fault: Fault = ""
    after: int = 0
    delay: float = 0.0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def words(self) -> list[str]:
        """The text as it is streamed."""
        return re.findall(r"\S+\s*|\s+", self.text)


class Provider:
    """The state of a server. ``dropped`` is set when a client closes during an answer."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.dropped = threading.Event()
        self.waiting = threading.Event()
        self.url = ""
        self._replies: list[Reply] = [Reply()]
        self._told = False
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def reply(
        self,
        text: str = "",
        *,
        tool_calls: Sequence[tuple[str, dict[str, Any]]] = (),
        **fields: Any,
    ) -> None:
        """Say ``text``, and call tools, in the next answer."""
        self._add(Reply(text, tuple(tool_calls), **fields))

    def fail(self, status: int, message: Any = "it failed", **fields: Any) -> None:
        """Answer ``status``; ``message`` is put where the protocol has it, a mapping as it is."""
        body = message if isinstance(message, dict) else self.error(status, message)
        self._add(Reply(status=status, body=body, **fields))

    def _add(self, reply: Reply) -> None:
        with self._lock:
            self._replies = [*self._replies, reply] if self._told else [reply]
            self._told = True

    def take(self) -> Reply:
        """The next answer; the last one is given again and again."""
        with self._lock:
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    # What a protocol says.

    def error(self, status: int, message: str) -> Any:
        raise NotImplementedError

    def failure(self, message: str) -> Any:
        """The event by which a stream tells of a failure."""
        return self.error(500, message)

    def whole(self, reply: Reply, request: Request) -> Any:
        """The JSON of an answer that is not streamed."""
        raise NotImplementedError

    def events(self, reply: Reply, request: Request) -> Iterator[tuple[str, str]]:
        """(kind, data) of a stream; kind is ``word``, ``part`` or ``end``."""
        raise NotImplementedError

    def other(self, request: Request) -> Any:
        """The JSON of any other path, None for 404."""
        return None

    def chats_at(self, path: str) -> bool:
        raise NotImplementedError


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None: ...

        def do_GET(self) -> None:
            self._json(self._read({}))

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = self._read(json.loads(raw))
            if not provider.chats_at(self.path):
                self._json(request)
                return
            reply = provider.take()
            time.sleep(reply.delay)
            if reply.status != 200:
                self._send(reply.status, reply.body, reply.headers)
            elif request.body.get("stream"):
                self._stream(reply, request)
            elif reply.fault == "hang":
                self._hang()
            elif reply.fault == "malformed":
                self._send(200, "{not json", reply.headers)
            elif reply.fault == "cut":
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"id": ')
                self._cut()
            else:
                self._send(200, provider.whole(reply, request), reply.headers)

        def _read(self, body: dict[str, Any]) -> Request:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            provider.requests.append(request)
            return request

        def _json(self, request: Request) -> None:
            value = provider.other(request)
            if value is None:
                self._send(404, provider.error(404, f"no such path: {self.path}"), {})
            else:
                self._send(200, value, {})

        def _send(self, status: int, value: Any, headers: dict[str, str]) -> None:
            data = (value if isinstance(value, str) else json.dumps(value)).encode()
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, reply: Reply, request: Request) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            words = 0
            for kind, data in provider.events(reply, request):
                if reply.fault and (kind == "end" or (kind == "word" and words == reply.after)):
                    if self._fault(reply.fault):
                        return
                    if reply.fault == "no_finish":
                        break
                words += kind == "word"
                self._event(data)
            self._event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")

        def _fault(self, fault: Fault) -> bool:
            """Do what ``fault`` says; whether the connection is over."""
            match fault:
                case "cut":
                    self._cut()
                case "hang":
                    self._hang()
                case "malformed":
                    self._event('{"choices": [')
                case "error_event":
                    self._event(json.dumps(provider.failure("the engine died")))
                case _:
                    return False
            self.close_connection = True
            return True

        def _event(self, data: str) -> None:
            chunk = f"data: {data}\n\n".encode()
            try:
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                self.wfile.flush()
            except ConnectionError:
                provider.dropped.set()
                raise

        def _cut(self) -> None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def _hang(self) -> None:
            """Say nothing more until the client goes away, or the server is closed."""
            provider.waiting.set()
            self.close_connection = True
            while not provider._closing.is_set():
                readable, _, _ = select.select([self.connection], [], [], 0.05)
                if readable and self._is_gone():
                    provider.dropped.set()
                    return

        def _is_gone(self) -> bool:
            try:
                return not self.connection.recv(1, socket.MSG_PEEK)
            except ConnectionError:  # it went away before it had read all
                return True

    return Handler


@contextmanager
def serving(provider: Provider, prefix: str) -> Iterator[None]:
    """Serve ``provider`` on a free port; its ``url`` ends with ``prefix``."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None: ...  # a client that went away

    server = Server(("127.0.0.1", 0), _handler(provider))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}{prefix}"
    try:
        yield
    finally:
        provider._closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def dead_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
