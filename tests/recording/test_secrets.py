"""No secret reaches the disk, and replay still passes."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import StructuredTool

from agentlab.boundary import recordable
from agentlab.errors import ConfigError, ProviderError, SecretFound
from agentlab.recording import Recording, Request, Scrubber, Step, cassette, save
from tests.recording.parts import Fake, model

ALNUM = string.ascii_letters + string.digits


def chars(rng: random.Random, count: int, of: str = ALNUM) -> str:
    return "".join(rng.choices(of, k=count))


def mixed(rng: random.Random, count: int) -> str:
    return chars(rng, count - 2) + "7q"


def basic(rng: random.Random) -> str:
    return base64.b64encode(f"admin:{mixed(rng, 12)}".encode()).decode()


# Of each kind: the text that holds the secret, and the secret.
KINDS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "openai": lambda r: ((s := f"sk-{mixed(r, 40)}"), s),
    "openai project": lambda r: ((s := f"sk-proj-{mixed(r, 60)}"), s),
    "anthropic": lambda r: ((s := f"sk-ant-api03-{mixed(r, 50)}"), s),
    "aws": lambda r: ((s := "AKIA" + chars(r, 16, string.ascii_uppercase)), s),
    "github": lambda r: ((s := "ghp_" + mixed(r, 36)), s),
    "huggingface": lambda r: ((s := "hf_" + mixed(r, 34)), s),
    "google": lambda r: ((s := "AIza" + mixed(r, 35)), s),
    "slack": lambda r: ((s := "xoxb-" + mixed(r, 30)), s),
    "stripe": lambda r: ((s := "sk_live_" + mixed(r, 24)), s),
    "jwt": lambda r: ((s := f"eyJ{mixed(r, 20)}.{mixed(r, 30)}.{mixed(r, 30)}"), s),
    "bearer": lambda r: (f"Authorization: Bearer {(s := mixed(r, 32))}", s),
    "bearer alone": lambda r: (f"send bearer {(s := mixed(r, 32))}", s),
    "basic alone": lambda r: (f"send it as Basic {(s := basic(r))} please", s),
    "basic": lambda r: (f'{{"Authorization": "Basic {(s := basic(r))}"}}', s),
    "curl": lambda r: (f"curl -H 'X-API-Key: {(s := mixed(r, 32))}' http://x", s),
    "assignment": lambda r: (f"export SERVICE_API_KEY={(s := mixed(r, 24))}", s),
    "json": lambda r: (json.dumps({"client_secret": (s := mixed(r, 24)), "n": 1}), s),
    "yaml": lambda r: (f"db:\n  password: {(s := mixed(r, 14))}\n", s),
    "url": lambda r: (f"postgres://admin:{(s := mixed(r, 12))}@db/x", s),
    "private key": lambda r: (
        f"-----BEGIN RSA PRIVATE KEY-----\n{(s := mixed(r, 64))}\n-----END RSA PRIVATE KEY-----", s
    ),
    "environment": lambda r: (f"it is {ENVIRONMENT} they say", ENVIRONMENT),
    "environment, base64": lambda r: (
        f"x {(s := base64.b64encode(ENVIRONMENT.encode()).decode().rstrip('='))} y", s
    ),
    "custom": lambda r: (f"ticket ACME-{(s := chars(r, 6, string.digits))} is open", s),
}  # fmt: skip
ENVIRONMENT = "correct horse/battery+staple"
REDACT = [r"ACME-(\d{6})"]


class Whole(Fake):
    """Gives its answer whole, streams it in odd pieces, or fails with it."""

    answer: AIMessage | None = None
    failure: str = ""

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        if self.failure:
            raise ProviderError(f"401: {self.failure}", status=401)
        return Fake(messages=iter([self.answer]))._generate([])  # type: ignore[list-item]

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        assert self.answer is not None
        text = str(self.answer.content)
        for i in range(0, len(text), 7):
            yield ChatGenerationChunk(message=AIMessageChunk(content=text[i : i + 7]))
        for call in self.answer.tool_calls:
            args = json.dumps(call["args"])
            for i in range(0, len(args), 5):
                part = {
                    "name": call["name"] if i == 0 else None,
                    "args": args[i : i + 5],
                    "id": "c" if i == 0 else None,
                    "index": 0,
                    "type": "tool_call_chunk",
                }
                yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[part]))


class Finds(BaseRetriever):
    text: str

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(page_content=self.text, metadata={"note": self.text}, id="d")]


def asks_with(text: str, place: str) -> Callable[[], Any]:
    """A run in which ``text`` passes the boundary at ``place``."""

    def echo(text: str) -> str:
        return f"you said {text}"

    tool = recordable(StructuredTool.from_function(echo, name="echo", description="Echo."))
    whole = AIMessage(text, tool_calls=[{"name": "echo", "args": {"text": text}, "id": "c"}])

    def run() -> Any:
        if place == "message":
            return model("ok").invoke([SystemMessage(text), HumanMessage("x")]).content
        if place == "answer":
            answer = recordable(Whole(messages=iter([]), answer=whole)).invoke("x")
            return [recordable(Whole(messages=iter([]), answer=AIMessage("ok"))).invoke([answer])]
        if place == "stream":
            return list(recordable(Whole(messages=iter([]), answer=whole)).stream("x"))
        if place == "tool":
            return tool.invoke({"text": text})
        if place == "error":
            with pytest.raises(ProviderError):
                recordable(Whole(messages=iter([]), failure=text)).invoke("x")
            return None
        if place == "document":
            return recordable(Finds(text=text)).invoke("q")
        if place == "schema":
            return model("ok").invoke("x", tools=[{"type": "function", "description": text}])
        assert place == "metadata"
        odd = AIMessage("ok", response_metadata={"headers": {text: [text]}}, name="n")
        return recordable(Whole(messages=iter([]), answer=odd)).invoke("x")

    return run


PLACES = ("message", "answer", "stream", "tool", "error", "document", "schema", "metadata")


@pytest.mark.parametrize("kind", KINDS)
def test_planted_secrets(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """23 kinds in 8 places, with two values each: 368 secrets."""
    monkeypatch.setenv("MY_SERVICE_TOKEN", ENVIRONMENT)
    for place in PLACES:
        for seed in range(2):
            text, secret = KINDS[kind](random.Random(f"{kind}{place}{seed}"))
            path = tmp_path / f"{place}{seed}.jsonl"
            run = asks_with(text, place)
            with cassette(path, mode="all", redact=REDACT, meta={"argv": [text]}):
                run()
            written = path.read_text()
            whole = "".join(
                value for line in written.splitlines() if isinstance(value := json.loads(line), str)
            )
            for form in (secret, json.dumps(secret)[1:-1]):
                assert form not in written, (kind, place)
                assert form not in whole, (kind, place)
            assert "[redacted:" in written
            with cassette(path, mode="none", redact=REDACT):
                run()


def test_variables_that_only_look_like_secrets() -> None:
    plain = {
        "GIT_AUTHOR_NAME": "Ada Lovelace",
        "GIT_AUTHOR_EMAIL": "ada@lovelace.example",
        "TOKENIZER": "bert-base-uncased",
        "KEYBOARD_LAYOUT": "neo-bone-2",
        "AUTH_BACKEND": "ldap-openid",
        "OAUTH_PROVIDERS": "some-provider",
        "KEYNOTE_SPEAKER": "Grace Hopper, Rear Admiral",
    }
    text = " ".join(plain.values())
    assert Scrubber(environ=plain).text(text) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "correct horse battery"),
        ("AUTH_USER_PASS", "hunter-two"),
        ("AUTHORIZATION", "Bearer-ish thing"),
        ("MY_AUTH", "a1b2c3d4e5f6"),
        ("AUTH_HEADER", "Token a1b2c3d4e5f6"),
        ("DOCKER_AUTH_CONFIG", '{"auths": {"x": {"auth": "dXNlcjpwYXNz"}}}'),
        ("AUTH_TYPE_KEY", "blue-lantern"),
        ("TOKEN", "blue-lantern"),
    ],
)
def test_variables_that_are_secrets(name: str, value: str) -> None:
    assert Scrubber(environ={name: value}).text(f"it is {value}.") == "it is [redacted:env]."


def test_what_is_no_secret_stays() -> None:
    scrubber = Scrubber(environ={"HOME_TOKEN_DIR": "/home/me", "KEYBOARD": "us", "AUTH": "true"})
    for text in (
        "The token budget is 4096; max_tokens: 512, total_tokens=1234567",
        "A password: choose one you remember. The secret: practice.",
        "Basic authentication and bearer certificates are explained below.",
        "see https://example.com:8080/path and user@example.com",
        "sk-learn and task-management-of-the-desk",
        "The key: a minor. API key rotation is due; token: hello world",
        "sha256 3f786850e387550fdab836ed7e6dc881de23001b",
        "/home/me true us",
        "https://learn.example.com/visual-basic/getting-started-2024/part1",
        "https://example.com/basic/course101a/lesson-2b and basic-auth-2617a",
        "basic javascript2024, BASIC_programming1964, Basic html5css3course",
        "the ring-bearer/frodo9baggins of bearer_of_news2024",
        "https://example.com/list?page_token=CAUQAA1234&pageToken=CAUQAA1235",
        "?next_token=CAUQAA1234 nextToken=CAUQAA1234 continuation-token: abc123def456",
        "tokenId=1234567a token_type: urn2ietf3params token_url=/oauth2/v1/token",
        "tokenizer = cl100k_base, tokenization: wordpiece30k",
        "PWD=/home/me/project-2 token_file: ~/keys/of-2024 secretary: jsmith1984b",
    ):
        assert scrubber.text(text) == text
    plain: dict[str, Any] = {"token_usage": {"total": 3}, "nextPageToken": "CAUQAA1234"}
    assert scrubber.value(plain) is plain
    plain = {"token_usage": {"total": 3}, "key": "a", "max_tokens": 5, "next_token": "hello"}
    assert scrubber.value(plain) is plain


def test_scrubbing_twice_changes_nothing() -> None:
    scrubber = Scrubber(REDACT, environ={})
    for kind, make in KINDS.items():
        text, _ = make(random.Random(kind))
        once = scrubber.text(f"a {text} b")
        assert scrubber.text(once) == once


def test_pieces_join_to_the_scrubbed_text() -> None:
    rng = random.Random(3)
    scrubber = Scrubber(environ={})
    for _ in range(200):
        text = f"{chars(rng, 9)} sk-{mixed(rng, 40)} x {chars(rng, 5)} password={mixed(rng, 12)}!"
        cuts = sorted(rng.sample(range(len(text)), 6))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        clean = scrubber.pieces(pieces)
        assert len(clean) == len(pieces)
        assert "".join(clean) == scrubber.text(text) != text


@pytest.mark.parametrize(
    "text",
    [
        "token=a1b2c3d4e5f6",
        "TOKEN: a1b2c3d4e5f6",
        "apiToken=a1b2c3d4e5f6",
        "access_token=a1b2c3d4e5f6",
        "token_id_secret=a1b2c3d4e5f6",
        "bot_token = 'a1b2c3d4e5f6'",
        "bearer%20a1b2c3d4e5f6",
        "bearer=a1b2c3d4e5f6",
        "Cookie: a1b2c3d4e5f6",
        "secret=/x9/a1b2c3d4e5f6",
        "Authorization: Basic a1b2c3d4e5f6",
        "authorization=Basic a1b2c3d4e5f6",
        "Proxy-Authorization: token a1b2c3d4e5f6",
    ],
)
def test_values_that_are_told_to_be_secret(text: str) -> None:
    assert "a1b2c3d4e5f6" not in Scrubber(environ={}).text(text)


@pytest.mark.parametrize("before", ["", "x_", "key=", "密钥", "(", "_"])
def test_a_key_is_found_after_an_underscore_and_other_scripts(before: str) -> None:
    key = "sk-proj-" + "a1B2" * 8
    assert key not in Scrubber(environ={}).text(before + key)
    assert Scrubber(environ={}).text("task-" + "a1B2" * 8) == "task-" + "a1B2" * 8


def test_values_under_secret_names() -> None:
    scrubber = Scrubber(environ={})
    value = {"Authorization": "hunter2", "db_password": "hunter2", "apiKey": "a1b2c3d4e5f6"}
    assert set(scrubber.value(value).values()) == {"[redacted:field]"}


def test_a_secret_known_from_elsewhere_is_refused(tmp_path: Path) -> None:
    secret = "9fK2mQ8xT4vB7nL1"
    path = tmp_path / "id.jsonl"
    path.write_text("old")
    with pytest.raises(SecretFound, match="nothing was written") as caught:
        with cassette(path, mode="all"):
            model("ok").invoke(f"it is {secret}")
            model("ok").invoke(f"api_key={secret}")
    assert secret not in str(caught.value) + caught.value.hint
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_with_a_secret_is_refused_by_save(tmp_path: Path) -> None:
    secret = "sk-" + "a1B2" * 10
    step = Step(Request.of("tool", "t", (), {"args": {"x": secret}}), reply="ok")
    with pytest.raises(SecretFound, match=r"step 1 .* holds a secret \(openai\)"):
        save(tmp_path / "f", Recording([step]))
    with pytest.raises(SecretFound):
        save(tmp_path / "f", Recording([], meta={"key": secret}))
    assert list(tmp_path.iterdir()) == []


def test_a_bad_pattern_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'\(' is not a regular expression"):
        Scrubber(["("])


def test_a_variable_that_is_set_later_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, other = "quiet-9-otters", "loud-4-herons"
    assert Scrubber().text(f"a {secret}") == f"a {secret}"
    monkeypatch.setenv("SHOP_TOKEN", secret)
    assert Scrubber().text(f"a {secret}") == "a [redacted:env]"
    monkeypatch.setenv("SHOP_TOKEN", other)
    assert Scrubber().text(f"{secret} {other}") == f"{secret} [redacted:env]"
    monkeypatch.setenv("SHOP_TOKEN", "not-utf8-\udcff")
    assert Scrubber().text("it is not-utf8-\udcff") == "it is [redacted:env]"
