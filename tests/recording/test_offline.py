"""Replay reaches neither the network nor a model file."""

from __future__ import annotations

import _socket
import socket
import threading
from pathlib import Path

import pytest

from agentlab.errors import Offline
from agentlab.offline import is_offline, offline, raise_if_offline
from agentlab.recording import cassette
from tests.recording.parts import model


@pytest.fixture
def server() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_connections_are_refused_and_allowed_again(server: socket.socket) -> None:
    address = server.getsockname()
    with offline():
        with pytest.raises(Offline, match=f"may not connect to 127.0.0.1:{address[1]}"):
            socket.socket().connect(address)
        with pytest.raises(Offline, match="may not look up the host 'example.com'"):
            _socket.getaddrinfo("example.com", 443)  # the tests have a guard of their own above it
        with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(Offline):
            udp.sendto(b"x", address)
    socket.create_connection(address).close()
    server.close()


def test_plain_threads_are_offline_too(server: socket.socket) -> None:
    errors: list[BaseException] = []

    def connect() -> None:
        try:
            socket.create_connection(server.getsockname())
        except Offline as error:
            errors.append(error)

    with offline():
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    assert len(errors) == 1
    server.close()


def test_models_are_not_loaded() -> None:
    raise_if_offline("load the model x.gguf")
    with offline(), offline():
        assert is_offline()
        with pytest.raises(Offline, match="may not load the model x.gguf"):
            raise_if_offline("load the model x.gguf")
    assert not is_offline()


def test_unix_sockets_stay_open() -> None:
    one, other = socket.socketpair()
    with offline():
        one.sendall(b"x")
        assert other.recv(1) == b"x"
    one.close()
    other.close()


def test_a_replay_is_offline_and_a_recording_is_not(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    for mode, expected in (("once", False), ("once", True), ("none", True), ("verify", False)):
        with cassette(path, mode=mode):  # type: ignore[arg-type]
            assert is_offline() is expected
            model("a").invoke("x")
    assert not is_offline()
