"""What every test gets: folders of its own, no keys, no network but loopback."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from langchain_core.language_models import BaseChatModel

from tests.support.fixtures import cohere_server, openai_server

__all__ = ["cohere_server", "openai_server"]

# Slow machines must not fail a property; `make fuzz` takes the second profile.
hypothesis.settings.register_profile("tests", deadline=None, print_blob=True)
hypothesis.settings.register_profile("fuzz", deadline=None, print_blob=True, max_examples=5_000)
hypothesis.settings.load_profile("tests")

_KEYS = ("OPENAI_", "COHERE_", "CO_API_", "HF_", "LANGSMITH_", "LANGCHAIN_", "AGENTLAB_")


@pytest.fixture(scope="session")
def smollm2() -> BaseChatModel:
    """The model in the box, greedy and short. Copy it (``model_copy``) to set other parameters."""
    from agentlab.models import load_model

    return load_model("smollm2", temperature=0, seed=7, max_tokens=32)


def _isolate(patch: pytest.MonkeyPatch, factory: pytest.TempPathFactory) -> None:
    home = factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_KEYS) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        patch.setenv(name, str(home / name.split("_")[1].lower()))
    patch.setenv("AGENTLAB_DATA", str(home / "agentlab-data"))
    patch.setenv("AGENTLAB_CACHE", str(home / "agentlab-cache"))
    (home / "project").mkdir()
    patch.setenv("AGENTLAB_PROJECT", str(home / "project"))
    patch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session", autouse=True)
def _session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For session fixtures, which are made before a test has folders of its own."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, tmp_path_factory)
        yield


@pytest.fixture(autouse=True)
def _own_folders(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    _session_folders: None,
) -> None:
    """Data, cache, project and settings of each test are its own; no key of the user's is seen."""
    _isolate(monkeypatch, tmp_path_factory)


def _is_local(host: Any) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Refuse connections to other machines, as a machine without network would."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    real_getaddrinfo = socket.getaddrinfo

    def guarded(name: str) -> Any:
        def method(self: socket.socket, *args: Any) -> Any:
            address = args[-1]
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
                raise OSError(errno.ENETUNREACH, f"tests have no network: {address[0]}")
            return real[name](self, *args)

        return method

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests have no network: {host}")
        return real_getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield
