"""The fixtures of conftest.py keep their word."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from agentlab import config

ELSEWHERE = "192.0.2.1"  # TEST-NET-1: nobody is there


def test_other_machines_are_refused() -> None:
    with socket.socket() as client, pytest.raises(OSError, match="tests have no network"):
        client.connect((ELSEWHERE, 80))
    with socket.socket() as client, pytest.raises(OSError, match="tests have no network"):
        client.connect_ex((ELSEWHERE, 80))
    with pytest.raises(socket.gaierror, match="tests have no network"):
        socket.create_connection(("example.org", 80))
    with pytest.raises(urllib.error.URLError, match="tests have no network"):
        urllib.request.urlopen("http://example.org")


async def test_they_are_refused_to_asyncio_too() -> None:
    with pytest.raises(OSError, match="tests have no network"):
        await asyncio.open_connection(ELSEWHERE, 80)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_this_machine_is_not(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"no {host} on this machine")
    with server, socket.create_connection((host, server.getsockname()[1])) as client:
        assert client.getpeername()[1] == server.getsockname()[1]


def test_the_users_folders_and_keys_are_not_seen() -> None:
    temporary = Path(os.environ["HOME"])
    assert temporary.name.startswith("home")
    for folder in (config.settings().data, config.settings().cache, config.project_folder()):
        assert folder.is_relative_to(temporary)
    assert config.folders("prompts") == [config.shipped_folder("prompts")]
    assert not [name for name in os.environ if name.startswith(("OPENAI_", "COHERE_"))]


def test_each_test_has_its_own(request: pytest.FixtureRequest) -> None:
    marker = config.project_folder() / "left by a test"
    assert not marker.exists()
    marker.touch()
    request.getfixturevalue("monkeypatch").undo()
    assert not (config.project_folder() / "left by a test").exists()
