"""Models from the hub, over HTTP with a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentlab.cancellation import cancellable
from agentlab.errors import (
    AuthenticationError,
    ChecksumError,
    ConfigError,
    CorruptStore,
    ModelError,
    ModelFileError,
    ProviderError,
    RateLimited,
    TurnCancelled,
    UnknownModel,
    Unreachable,
)
from agentlab.models.hub import fetch
from agentlab.models.hub_names import HubSpec
from agentlab.models.pins import accept, pins, pins_file
from tests.support.gguf_writer import MODEL, Tensor, gguf
from tests.support.hub_server import Hub, running

REPO = "lab/tiny-GGUF"
Q4, Q8 = gguf({**MODEL, "general.file_type": 2}), gguf({**MODEL, "general.file_type": 7})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    files = {"tiny-Q4_0.gguf": Q4, "tiny-Q8_0.gguf": Q8, "README.md": b"# Tiny"}
    with running(Hub(repo=REPO, files=files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there


@pytest.mark.parametrize("pattern", ["tiny-Q4_0.gguf", "*Q4*", "*q4_0*", "TINY-Q4_0.GGUF"])
def test_downloads_once_and_pins(hub: Hub, pattern: str) -> None:
    path = fetch(REPO, pattern)
    assert path.read_bytes() == Q4
    assert path.name == "tiny-Q4_0.gguf"
    assert pins() == {f"hf:{REPO}:tiny-Q4_0.gguf": sha256(Q4)}
    assert fetch(REPO, pattern) == path
    assert hub.downloads() == [""]


def test_pinned_file_is_loaded_without_asking(hub: Hub) -> None:
    path = fetch(REPO, "tiny-Q4_0.gguf")
    hub.requests.clear()
    assert fetch(REPO, "tiny-Q4_0.gguf") == path
    assert hub.requests == []


def test_progress(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int]] = []
    fetch(REPO, "*Q4*", progress=lambda done, total: told.append((done, total)))
    assert told[0] == (len(Q4), len(Q4))
    fetch(REPO, "*Q8*")
    assert capfd.readouterr().err == ""  # no terminal, no bar


def test_cut_download_goes_on_where_it_broke_off(hub: Hub) -> None:
    chunk = 10 << 20  # the hub library keeps what came in steps of this size
    data = hub.files["tiny-Q4_0.gguf"] = Q4 + bytes(3 * chunk)
    hub.cut_after, hub.cuts = chunk + 99, 2
    assert fetch(REPO, "*Q4*").read_bytes() == data
    assert hub.downloads() == ["", f"bytes={chunk}-", f"bytes={2 * chunk}-"]


def test_download_of_the_wrong_size(hub: Hub) -> None:
    hub.short = 1
    with pytest.raises(Unreachable, match="broke off"):
        fetch(REPO, "*Q4*")
    assert pins() == {}
    hub.short = 0
    assert fetch(REPO, "*Q4*").read_bytes() == Q4


def test_cancelled_between_chunks(hub: Hub) -> None:
    with cancellable() as scope, pytest.raises(TurnCancelled):
        fetch(REPO, "*Q4*", progress=lambda done, total: scope.cancel())
    assert pins() == {}
    assert fetch(REPO, "*Q4*").read_bytes() == Q4


def test_several_matches_are_listed(hub: Hub) -> None:
    with pytest.raises(ConfigError, match="matches 2 files") as caught:
        fetch(REPO, "*.gguf")
    assert caught.value.hint == "choose one of tiny-Q4_0.gguf, tiny-Q8_0.gguf"


def test_no_match_names_the_nearest(hub: Hub) -> None:
    with pytest.raises(UnknownModel, match="no GGUF file that matches") as caught:
        fetch(REPO, "tiny-Q5_0.gguf")
    assert "tiny-Q4_0.gguf" in caught.value.hint


def test_repository_without_gguf(hub: Hub) -> None:
    hub.files = {"model.safetensors": b""}
    with pytest.raises(UnknownModel, match="holds no GGUF file"):
        fetch(REPO, "*")


def test_unknown_repository(hub: Hub) -> None:
    with pytest.raises(UnknownModel, match="no repository lab/other, or it is private") as caught:
        fetch("lab/other", "*")
    assert "HF_TOKEN" in caught.value.hint


def test_unknown_revision(hub: Hub) -> None:
    with pytest.raises(UnknownModel, match="no revision 'v9'"):
        fetch(REPO, "*Q4*", revision="v9")


def test_revision_has_its_own_pin(hub: Hub) -> None:
    fetch(REPO, "*Q4*", revision=hub.commit)
    assert list(pins()) == [f"hf:{REPO}@{hub.commit}:tiny-Q4_0.gguf"]


REFUSALS = {
    "gated": ((403, {"X-Error-Code": "GatedRepo"}), AuthenticationError, "gated"),
    "bad token": (
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
        AuthenticationError,
        "401",
    ),
    "forbidden": ((403, {}), AuthenticationError, "403"),
    "too many": ((429, {"Retry-After": "7"}), RateLimited, "too many requests"),
    "broken": ((500, {}), ProviderError, "answers 500"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(hub: Hub, name: str) -> None:
    hub.refuse, kind, message = REFUSALS[name]
    with pytest.raises(kind, match=message) as caught:
        fetch(REPO, "*Q4*")
    assert isinstance(caught.value, ProviderError)
    assert caught.value.status == hub.refuse[0]
    if kind is AuthenticationError:
        assert "HF_TOKEN" in caught.value.hint
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7


def test_answer_that_is_no_hub_s(hub: Hub) -> None:
    hub.body = b"<html>Please sign in to the hotel's network</html>"
    with pytest.raises(Unreachable, match="not what a hub says"):
        fetch(REPO, "*Q4*")


@pytest.mark.parametrize("pattern", ["*Q4*", "tiny-Q4_0.gguf"])
def test_offline_uses_the_cache(
    hub: Hub, pattern: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = fetch(REPO, "*Q4*")
    go_offline(monkeypatch)
    assert fetch(REPO, pattern) == path
    assert ("using the copy in" in caplog.text) == (pattern == "*Q4*")


def test_busy_hub_uses_the_cache(hub: Hub) -> None:
    path = fetch(REPO, "*Q4*")
    hub.refuse = (503, {})
    assert fetch(REPO, "*Q4*") == path


def test_offline_without_a_copy(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(REPO, "*Q8*")
    go_offline(monkeypatch)
    with pytest.raises(Unreachable, match="cannot reach the hub") as caught:
        fetch(REPO, "*Q4*")
    assert "gguf:PATH" in caught.value.hint
    assert "in the cache: lab/tiny-GGUF has no GGUF file that matches '*Q4*'" in caught.value.hint


def test_offline_by_setting(hub: Hub) -> None:
    code = f"from agentlab.models.hub import fetch; fetch({REPO!r}, '*Q4*')"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Unreachable: cannot ask the hub" in result.stderr
    assert "HF_HUB_OFFLINE is set" in result.stderr


def test_file_changed_on_the_hub(hub: Hub) -> None:
    fetch(REPO, "*Q4*")
    hub.files["tiny-Q4_0.gguf"], hub.commit = Q8, "b" * 40
    with pytest.raises(ChecksumError) as caught:
        fetch(REPO, "*Q4*")
    assert sha256(Q4) in str(caught.value)
    assert sha256(Q8) in str(caught.value)
    spec = f"hf:{REPO}:tiny-Q4_0.gguf"
    assert f"agentlab models accept {spec}" in caught.value.hint
    assert fetch(REPO, "tiny-Q4_0.gguf").read_bytes() == Q4  # the pinned one is still here
    assert accept(spec) == sha256(Q4)
    assert fetch(REPO, "*Q4*").read_bytes() == Q8
    assert pins()[spec] == sha256(Q8)


def test_file_damaged_in_the_cache(hub: Hub) -> None:
    path = fetch(REPO, "*Q4*").resolve()
    path.write_bytes(Q4[:-1] + b"\x55")
    for pattern in ("*Q4*", "tiny-Q4_0.gguf"):
        with pytest.raises(ChecksumError) as caught:
            fetch(REPO, pattern)
        assert str(path) in caught.value.hint
    path.unlink()
    assert fetch(REPO, "*Q4*").read_bytes() == Q4


def test_download_that_is_not_what_the_hub_promises(hub: Hub) -> None:
    hub.promise["tiny-Q4_0.gguf"] = sha256(Q8)
    with pytest.raises(ChecksumError, match="the hub promises") as caught:
        fetch(REPO, "*Q4*")
    assert sha256(Q8) in str(caught.value)
    assert pins() == {}


def test_file_that_is_no_model_is_not_pinned(hub: Hub) -> None:
    hub.files["tiny-Q4_0.gguf"] = b"<html></html>"
    with pytest.raises(ModelFileError, match="an HTML page"):
        fetch(REPO, "*Q4*")
    assert pins() == {}


def test_split_model(hub: Hub) -> None:
    names = [f"q8/big-{part:05d}-of-00002.gguf" for part in (1, 2)]
    for number, name in enumerate(names):
        metadata = {**MODEL, "split.no": number, "split.count": 2}
        hub.files[name] = gguf(metadata, [Tensor(f"blk.{number}.weight")])
    path = fetch(REPO, "q8/*")
    assert path.as_posix().endswith(names[0])
    assert [(path.parent / Path(n).name).read_bytes() for n in names] == [
        hub.files[n] for n in names
    ]
    assert sorted(pins()) == [f"hf:{REPO}:{name}" for name in names]
    hub.requests.clear()
    assert fetch(REPO, names[0]) == path
    assert hub.requests == []


def test_cache_that_cannot_be_written(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(ModelError, match="cannot store") as caught:
        fetch(REPO, "*Q4*")
    assert "HF_HUB_CACHE" in caught.value.hint


@pytest.mark.parametrize("damage", ["{", "[]", json.dumps({f"hf:{REPO}:tiny-Q4_0.gguf": "12"})])
def test_damaged_pins_are_never_taken_for_none(hub: Hub, damage: str) -> None:
    fetch(REPO, "*Q4*")
    pins_file().write_text(damage)
    with pytest.raises(CorruptStore, match=r"pins\.json"):
        fetch(REPO, "*Q4*")
    assert pins_file().read_text() == damage


def test_accept_of_an_unknown_spec(hub: Hub) -> None:
    fetch(REPO, "*Q4*")
    with pytest.raises(UnknownModel) as caught:
        accept(f"hf:{REPO}:tiny-Q4.gguf")
    assert caught.value.hint == f"pinned: hf:{REPO}:tiny-Q4_0.gguf"


@pytest.mark.parametrize(
    ("spec", "parsed"),
    [
        ("hf:a/b:*Q4*", HubSpec("a/b", "*Q4*")),
        ("a/b@v1:dir/x.gguf", HubSpec("a/b", "dir/x.gguf", "v1")),
    ],
)
def test_specs(spec: str, parsed: HubSpec) -> None:
    assert HubSpec.parse(spec) == parsed
    assert HubSpec.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "spec",
    ["hf:", "hf:a/b", "hf:a:x", "hf:a/b:", "hf:a/b/c:x", "hf:../b:x", "hf:a/b:../x", "hf:a/b:/x",
     "hf:a/b@:x", "hf:a/b@../..:x", "hf:a--b/c:x", "hf: a/b:x"],
)  # fmt: skip
def test_malformed_specs(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HubSpec.parse(spec)
    assert caught.value.hint
