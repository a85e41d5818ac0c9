"""One HTTP GET: over checked addresses, with bounds on time, size and redirects. No proxies."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import urllib.parse
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from agentlab.errors import ToolError
from agentlab.offline import raise_if_offline
from agentlab.web.addresses import resolve

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_REDIRECTS = 5
MAX_BYTES = 5_000_000
_PIECE = 4_096  # bytes read or unpacked at once: small, as those of a next member are copied
_GZIP = b"\x1f\x8b"
_REDIRECTS = (301, 302, 303, 307, 308)
_USER_AGENT = "Mozilla/5.0 (compatible; AgentLab)"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; ``url`` is where the redirects ended, header names are lower-case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Without its parameters, lower-case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def get(url: str, *, timeout: float, private: bool = False, accept: str = "*/*") -> Response:
    """Fetch ``url`` within ``timeout`` seconds; each redirect is checked like the first address.

    Raises:
        ToolError: not http or https, a private address, no connection, too late, too large,
            broken off, a redirect to no address, or too many. An error status is no error here.
    """
    deadline = time.monotonic() + timeout
    for _ in range(MAX_REDIRECTS + 1):
        response = _once(url, deadline, private, accept)
        target = response.headers.get("location")
        if response.status not in _REDIRECTS or target is None:
            return response
        try:
            url = urllib.parse.urljoin(url, target)
        except ValueError as error:
            raise ToolError(
                f"the address redirects to {target!r}, which is none", hint="use another address"
            ) from error
    raise ToolError(
        f"the address redirects more than {MAX_REDIRECTS} times", hint="use another address"
    )


def _once(url: str, deadline: float, private: bool, accept: str) -> Response:
    parts = _split(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    raise_if_offline(f"fetch {url}")
    addresses = resolve(host, port, private=private)
    path = urllib.parse.quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    connection = _Connection(host, port, addresses, deadline, secure)
    try:
        connection.putrequest("GET", f"{path}?{query}" if query else path)
        for name, value in (
            ("User-Agent", _USER_AGENT),
            ("Accept", accept),
            ("Accept-Language", "en,*;q=0.5"),
            ("Accept-Encoding", "gzip"),
            ("Connection", "close"),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        reply = connection.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        if reply.status in _REDIRECTS:
            return Response(url, reply.status, headers, b"")
        return Response(url, reply.status, headers, _body(reply, headers, deadline))
    except TimeoutError as error:
        raise _late(host) from error
    except ssl.SSLError as error:
        raise ToolError(
            f"{host} has no valid certificate: {error.reason or error}", hint="use another address"
        ) from error
    except http.client.IncompleteRead as error:
        raise _broken_off() from error
    except (OSError, http.client.HTTPException, zlib.error) as error:
        raise ToolError(
            f"{host} cannot be reached: {error or type(error).__name__}",
            hint="try again later, or another address",
        ) from error
    finally:
        connection.close()


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url.strip())
        _ = parts.port  # a wrong one is found only when it is read
    except ValueError as error:
        raise ToolError(f"{url!r} is no address: {error}", hint="write https://…") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ToolError(
            f"{url!r} is no http or https address", hint="write the whole address: https://…"
        )
    if parts.username is not None or parts.password is not None:
        raise ToolError("an address may not hold a user name or password", hint="leave them out")
    if any(ord(sign) < 33 for sign in parts.hostname):
        raise ToolError(f"{url!r} is no address", hint="write https://…")
    return parts


class _Connection(http.client.HTTPConnection):
    """Connects to checked addresses; the host's name only goes into TLS and the header."""

    def __init__(
        self, host: str, port: int, addresses: list[str], deadline: float, secure: bool
    ) -> None:
        ascii_host = host if ":" in host else host.encode("idna").decode()
        super().__init__(ascii_host, port)
        self.default_port = 443 if secure else 80
        self._addresses = addresses
        self._deadline = deadline
        self._secure = secure
        # What http.client calls with the socket to read an answer from it.
        self.response_class = partial(_Reply, deadline=deadline)  # type: ignore[assignment]

    def connect(self) -> None:
        failure: OSError | None = None
        for address in self._addresses:
            try:
                self.sock = socket.create_connection(
                    (address, self.port), timeout=remaining(self._deadline)
                )
                break
            except OSError as error:
                failure = error
        else:
            raise failure or OSError("no address")
        self.sock.settimeout(remaining(self._deadline))  # for a request or a handshake
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


class _Reply(http.client.HTTPResponse):
    """An answer of which every byte has to come before the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock, deadline))


class _Timed(io.RawIOBase):
    """Reads a socket. The socket's own timeout begins anew with every byte that comes."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open while it is read
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:
        self._sock.settimeout(remaining(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def remaining(deadline: float) -> float:
    """Seconds until ``deadline``.

    Raises:
        TimeoutError: it has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _body(reply: http.client.HTTPResponse, headers: Mapping[str, str], deadline: float) -> bytes:
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise ToolError(f"the page is compressed as {encoding!r}", hint="use another address")
    announced = reply.length  # none where the server does not say it
    body = bytearray()
    while chunk := reply.read1(_PIECE):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    if announced is not None and len(body) < announced:
        raise _broken_off()
    return _unzipped(body, deadline) if "gzip" in encoding else bytes(body)


def _unzipped(data: bytearray, deadline: float) -> bytes:
    """``data`` unpacked, all of its members (RFC 1952). What follows them is left out."""
    body = bytearray()
    at = 0
    while data[at : at + 2] == _GZIP or (data and at == 0):
        unzip = zlib.decompressobj(wbits=31)
        while not unzip.eof:
            remaining(deadline)
            piece = data[at : at + _PIECE]
            if not piece:
                raise _broken_off()
            # One byte more than allowed is enough to know; a bomb is not unpacked further.
            body += unzip.decompress(piece, MAX_BYTES + 1 - len(body))
            if len(body) > MAX_BYTES:
                raise _too_large()
            at += len(piece) - len(unzip.unused_data)
    return bytes(body)


def _too_large() -> ToolError:
    return ToolError(
        f"the page is larger than {MAX_BYTES // 1_000_000} MB", hint="use another address"
    )


def _broken_off() -> ToolError:
    return ToolError(
        "the page broke off before its end", hint="try again later, or another address"
    )


def _late(host: str) -> ToolError:
    return ToolError(f"{host} did not answer in time", hint="try again later, or another address")
