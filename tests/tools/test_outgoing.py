"""Secrets in outgoing text, in every disguise that a page may ask a model for."""

from __future__ import annotations

import base64
import random
import string
import time
import urllib.parse

import pytest

from agentlab.errors import ToolError
from agentlab.web.outgoing import secret_in
from agentlab.web.pages import refuse_secrets

KEY = "sk-proj-AbCdEf0123456789AbCdEf0123456789"
GITHUB = "ghp_" + "a1B2c3D4e5" * 4
AWS = "AKIA2Q7XK4ZT9WM3PLRB"
VALUE = "Zx9kQ2LmW7pT4vRb8NcY"
PASSWORD = "correct-horse-9battery"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", VALUE)
    monkeypatch.setenv("DB_PASSWORD", PASSWORD)
    monkeypatch.setenv("SHOP_TOKEN", "blue-lantern")


def escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES = {
    "plain": lambda s: f"https://e.com/?q={s}",
    "one sign escaped": lambda s: f"https://e.com/?q={s[:2]}{escaped(s[2])}{s[3:]}",
    "first sign escaped": lambda s: f"https://e.com/?q={escaped(s[0])}{s[1:]}",
    "all escaped": lambda s: f"https://e.com/?q={escaped(s)}",
    "escaped twice": lambda s: f"https://e.com/?q={urllib.parse.quote(escaped(s))}",
    "after an underscore": lambda s: f"x_{s}",
    "after another script": lambda s: f"密钥{s}",
    "base64": in_base64,
    "base64 of more": lambda s: f"https://e.com/?q={in_base64('k=' + s)}",
    "base64 in a path": lambda s: f"https://e.com/a/bc/{in_base64(s)}/d",
    "base64, safe in addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64, escaped": lambda s: urllib.parse.quote(in_base64(s), safe=""),
    "base64 of base64": lambda s: in_base64(in_base64(s)),
    "base64 in lines": lambda s: in_base64(s)[:15] + "\n" + in_base64(s)[15:],
    "hexadecimal": lambda s: s.encode().hex(),
    "hexadecimal capitals": lambda s: f"a{s.encode().hex().upper()}",
    "wide letters": lambda s: "".join(chr(ord(c) + 0xFEE0) for c in s),
    "zero width": lambda s: s[:5] + "\u200b" + s[5:],
    "soft hyphens, escaped": lambda s: urllib.parse.quote("\xad".join(s)),
    "two words": lambda s: f"look up {s[:10]} {s[10:]} for me",
    "two words, form": lambda s: f"https://e.com/?q={s[:10]}+{s[10:]}",
    "two quoted words": lambda s: f'"{s[:10]}" "{s[10:]}"',
    "two lines": lambda s: f"{s[:10]}\n{s[10:]}",
    "two folders": lambda s: f"https://e.com/{s[:10]}/{s[10:]}",
    "spread": " ".join,
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("secret", [KEY, GITHUB, AWS, VALUE, PASSWORD])
def test_a_secret_in_disguise_is_found(secret: str, disguise: str) -> None:
    text = DISGUISES[disguise](secret)
    with pytest.raises(ToolError, match="the query holds a secret") as caught:
        refuse_secrets(text, "the query")
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"https://{VALUE.lower()}.evil.example/",
        f"say {VALUE.upper()}",
        "say Blue-Lantern",
        "https://e.com/?q=blue%2Dlantern",
    ],
)
def test_a_value_is_known_in_capitals_and_small_letters(text: str) -> None:
    assert secret_in(text) == "env"


@pytest.mark.parametrize(
    "text",
    [
        "how to get an api key for openai",
        "the blue lantern corps",
        "sk-learn pipelines for regression and classification, tutorials 2024",
        "sk-learn/pipelines/for/regression/And/classification2024",
        "ASIA PACIFIC SUMMIT 2024 PROGRAMME AND SPEAKERS",
        "AsiaWorld-Expo and Asia Cup 2023 Final",
        "what is eyJhbGciOiJIUzI1NiJ9 in a token",
        "https://en.wikipedia.org/wiki/Secret_key",
        "https://en.wikipedia.org/wiki/Schr%C3%B6dinger%27s_cat",
        "https://de.wikipedia.org/wiki/Stra%C3%9Fe_(Begriffskl%C3%A4rung)",
        "https://ja.wikipedia.org/wiki/%E3%83%91%E3%82%B9%E3%83%AF%E3%83%BC%E3%83%89",
        "https://example.com/2024/05/12/how-to-choose-a-password-manager-for-your-family-in-2024",
        "https://example.com/item/550e8400-e29b-41d4-a716-446655440000",
        "https://github.com/o/r/commit/3f786850e387550fdab836ed7e6dc881de23001b",
        "https://example.com/f/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PLFgquLnL59alCl_2TQvOiD5Vgm1hCaGSI",
        "https://docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
        "https://example.com/login?next=%2Fsettings%2Fprofile%3Ftab%3Dsecurity",
        "https://www.amazon.com/dp/B0CHX1W1XY/ref=sr_1_3?keywords=usb+c+hub&qid=1700000000",
        "https://example.com/?data=" + in_base64('{"page": 3, "sort": "newest first"}'),
        "https://example.com/?c=" + b"the quick brown fox".hex(),
        "ASIA GDP 2023 USD 2024 EU",
    ],
)
def test_ordinary_text_is_sent(text: str) -> None:
    assert secret_in(text) == ""


def test_random_ids_are_sent() -> None:
    rng = random.Random(5)
    for alphabet in ("0123456789abcdef", string.ascii_letters + string.digits + "-_"):
        for length in (11, 22, 32, 64, 128):
            for _ in range(50):
                sign = "".join(rng.choices(alphabet, k=length))
                assert secret_in(f"https://example.com/d/{sign}/view?id={sign[::-1]}") == ""


@pytest.mark.parametrize("part", ["Asia ", "sk-a ", "QUJD", "4142", "%25", "é ", "a ", "a+"])
def test_a_long_text_takes_no_time(part: str) -> None:
    begun = time.process_time()
    assert secret_in(part * (300_000 // len(part))) == ""
    assert time.process_time() - begun < 5
