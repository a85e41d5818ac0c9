"""Answers that come byte by byte, break off, or come in several parts."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from agentlab.errors import ToolError
from agentlab.web import http

Server = Callable[[bytes, bytes], str]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """Serves one connection: a text at once, then another again and again every 0.1 seconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    threads: list[threading.Thread] = []

    def serve(at_once: bytes, slowly: bytes = b"") -> str:
        def answer() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(4096)
                connection.sendall(at_once)
                while slowly and not over.wait(0.1):
                    connection.sendall(slowly)

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield serve
    over.set()
    for thread in threads:
        thread.join()
    listener.close()


def zipped(data: bytes) -> bytes:
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(data) + data


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        (b"", b"H"),
        (OK + b"X: ", b"a"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED, b"0"),
        (CHUNKED + b"2\r\nok\r\n0\r\nX: ", b"a"),
        (OK + b"Content-Length: 1000\r\n\r\n", b"a"),
    ],
    ids=["status", "header", "continue", "chunk size", "trailer", "body"],
)
def test_bytes_that_drip_do_not_extend_the_time(
    server: Server, at_once: bytes, slowly: bytes
) -> None:
    url = server(at_once, slowly)
    begun = time.monotonic()
    with pytest.raises(ToolError, match="did not answer in time"):
        http.get(url, timeout=0.5, private=True)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 1000\r\n\r\nhalf",
        CHUNKED + b"10\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\n",
        zipped(gzip.compress(b"one " * 10_000)[:-30]),
        zipped(gzip.compress(b"one") + gzip.compress(b"two")[:-3]),
    ],
)
def test_a_page_that_breaks_off_is_no_page(server: Server, answer: bytes) -> None:
    with pytest.raises(ToolError, match="broke off before its end"):
        http.get(server(answer, b""), timeout=10, private=True)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two"), b"one two"),
        (gzip.compress(b"one") + b"\0\0\0", b"one"),
        (gzip.compress(bytes(range(256)) * 100, 0) * 3, bytes(range(256)) * 300),
        (b"", b""),
    ],
    ids=["three", "padded", "stored", "none"],  # a member holds the time it was made
)
def test_all_members_of_a_compressed_page_are_read(
    server: Server, data: bytes, text: bytes
) -> None:
    assert http.get(server(zipped(data), b""), timeout=10, private=True).body == text


def test_the_members_together_are_bounded(server: Server) -> None:
    data = gzip.compress(bytes(3_000_000)) * 2
    with pytest.raises(ToolError, match="larger than 5 MB"):
        http.get(server(zipped(data), b""), timeout=10, private=True)


def test_many_empty_members_take_no_time(server: Server) -> None:
    data = gzip.compress(b"") * 100_000
    begun = time.process_time()
    assert http.get(server(zipped(data), b""), timeout=60, private=True).body == b""
    assert time.process_time() - begun < 10
