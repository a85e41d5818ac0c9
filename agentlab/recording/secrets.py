"""Secrets, found and replaced before anything is hashed or written.

Replaced are the keys of known providers, bearer tokens and other authorization values, private
keys, passwords in URLs, values assigned to names such as ``api_key``, the values of environment
variables with such names, and whatever the project's own patterns match. A placeholder names the
rule, never the secret: ``[redacted:openai]``. Scrubbing twice gives the same text, so a replayed
request, made from scrubbed answers, has the recorded request's hash.
"""

from __future__ import annotations

import base64
import bisect
import json
import math
import os
import re
import urllib.parse
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agentlab.errors import ConfigError

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """``pattern`` is tried where one of ``triggers`` is in the lower-case text.

    The secret is the pattern's last group, or all of it; ``accept`` may spare a harmless match.
    """

    name: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]
    accept: Callable[[str], bool] = bool


def _entropy(text: str) -> float:
    """Bits a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _looks_random(text: str) -> bool:
    mixed = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    return len(text) >= 8 and (mixed or len(text) >= 20) and _entropy(text) >= 2.75


def _is_path(text: str) -> bool:
    """PWD=/home/me/project-2; what is random has no such words between its slashes."""
    parts = text.split("/")
    return parts[0] in ("", ".", "..", "~") and any(re.fullmatch("[a-z]{3,}", p) for p in parts[1:])


def _is_user_and_password(text: str) -> bool:
    """Whether ``text`` is ``user:password`` in base64."""
    data = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(data + "=" * (-len(data) % 4)).decode()
    except ValueError:  # also what is no UTF-8
        return False
    return ":" in plain and plain.isprintable()


def _rule(name: str, triggers: str, pattern: str, accept: Callable[[str], bool] = bool) -> Rule:
    return Rule(name, tuple(triggers.split()), re.compile(pattern), accept)


# "token", but not one by which a list goes on (page_token).
_UNPAGED = (
    r"(?<!page)(?<!page[_-])(?<!next)(?<!next[_-])(?<!sync)(?<!sync[_-])(?<!continuation)"
    r"(?<!continuation[_-])token"
)
_NAMES = (
    r"api[_-]?key|apikey|access[_-]?key|secret[_-]?key|account[_-]?key|client[_-]?secret|secret(?!ar)|"
    r"private[_-]?key|password|passwd|passphrase|pwd|credentials?|auth[_-]?token|"
    rf"access[_-]?token|refresh[_-]?token|session[_-]?token|{_UNPAGED}"
)
# Not tokenizer, nor what is told of a token: token_id, tokenType.
_NAMED = (
    rf"(?:{_NAMES})(?<!token)|{_UNPAGED}(?!i[sz])"
    r"(?!s?[_-]?(?:ids?|types?|counts?|limit|budget|usage|length|names?|path|ur[il]|endpoint)\b)"
)
_ASSIGN = r"[\w.-]{0,40}\\?[\"']?\s{0,4}(?:=>|:=|[:=])\s{0,4}\\?[\"']?"
_PARTED = r"(?:(?:[\s+]|%20){1,4}|\s{0,4}[:=]\s{0,4}\\?[\"']?)"  # a scheme and its value
# Named values: a password need not look random, a token has to.
_PASSWORD = re.compile(r"(?i)(pass|pwd|secret|credential|api[_-]?key|authorization|cookie)")
_FIELD = re.compile(
    rf"(?i)^(.*[_.-])?({_NAMES}|authorization|x-api-key|cookie|set-cookie)$|[a-z](Key|{_UNPAGED}|Secret)$"
)


# A key may follow a letter of another script and, unlike with \b, an underscore.
def _key(name: str, triggers: str, pattern: str) -> Rule:
    return _rule(name, triggers, rf"(?<![A-Za-z0-9])(?:{pattern})")


KEY_FORMATS = (
    _key("anthropic", "sk-ant-", r"sk-ant-[\w-]{16,}"),
    _key("openai", "sk-", r"sk-[A-Za-z0-9_-]{20,}"),
    _key("stripe", "k_live_ k_test_ whsec_", r"(?:[srp]k_(?:live|test)|whsec)_\w{16,}"),
    _key("aws", "akia asia", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _key("github", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
         r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}"),
    _key("gitlab", "glpat-", r"glpat-[\w-]{18,}"),
    _key("slack", "xox", r"xox[abeoprs]-[\w-]{10,}"),
    _key("google", "aiza ya29.", r"AIza[\w-]{35}|ya29\.[\w-]{20,}"),
    _key("huggingface", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _key("groq", "gsk_", r"gsk_[A-Za-z0-9]{20,}"),
    _key("replicate", "r8_", r"r8_[A-Za-z0-9]{30,}"),
    _key("perplexity", "pplx-", r"pplx-[A-Za-z0-9]{30,}"),
    _key("tavily", "tvly-", r"tvly-[\w-]{16,}"),
    _key("langsmith", "lsv2_", r"lsv2_[a-z]{2}_\w{20,}"),
    _key("npm", "npm_", r"npm_[A-Za-z0-9]{30,}"),
    _key("pypi", "pypi-", r"pypi-[\w-]{40,}"),
    _key("sendgrid", "sg.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    _key("jwt", "eyj", r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
)  # fmt: skip

RULES = (
    _rule("private-key", "-----begin", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*"
          r"(?:-----END [A-Z ]*PRIVATE KEY-----)?"),
    *KEY_FORMATS,
    _rule("slack", "hooks.slack.com", r"https://hooks\.slack\.com/services/[\w/]+"),
    _rule("url", "://", r"\b[a-zA-Z][\w+.-]{1,20}://[^\s:/@\"'<>]{0,100}:([^\s/@\"'<>\[]{3,200})@"),
    _rule("authorization", "authorization cookie",
          r"(?i)\b(?:authorization|(?:set-)?cookie)\\?[\"']?\s{0,4}[:=]\s{0,4}"
          r"\\?[\"']?(?:(?:bearer|basic|token)\s+)?\s{0,4}([A-Za-z0-9._~+/=-]{8,})", _looks_random),
    _rule("authorization", "bearer",
          rf"(?i)\bbearer{_PARTED}([A-Za-z0-9._~+/=-]{{8,}})", _looks_random),
    _rule("authorization", "basic",
          rf"(?i)\bbasic{_PARTED}([A-Za-z0-9+/_-]{{8,}}={{0,2}})", _is_user_and_password),
    _rule("assignment", "key secret token password passwd passphrase pwd credential",
          rf"(?i)(?:{_NAMED}){_ASSIGN}([A-Za-z0-9._~+/=!@#$%^&*-]{{8,}})",
          lambda text: _looks_random(text) and not _is_path(text)),
)  # fmt: skip

# Not KEYBOARD, TOKENIZER, GIT_AUTHOR_NAME, nor how one logs in: AUTH_BACKEND.
_LOGIN = (
    r"backend|method|type|mode|provider|plugin|scheme|module|class|driver|realm|server|host|user"
)
_ENV_NAME = re.compile(
    r"(?i)key(?!board|map)|token(?!iz)|secret|passw|(?<![a-z])pass(?![a-z])|passphrase|credential|"
    rf"auth(?!or(?!i[sz]))(?![_-](?:{_LOGIN})s?(?![a-z]))"
)
_MOST = 20_000  # texts whose clean form is kept
_PLACEHOLDER = re.compile(r"\[redacted:[\w-]+\]")


class Scrubber:
    """Replaces secrets in texts and JSON values.

    ``patterns`` are regular expressions of the project; of one with a group, the group is the
    secret. ``environ`` is where secret values are looked up (this process's by default).

    Raises:
        ConfigError: a pattern is no regular expression.
    """

    def __init__(
        self, patterns: Iterable[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        self._rules = RULES + tuple(Rule("custom", ("",), _compiled(p)) for p in patterns)
        variables = os.environ if environ is None else environ
        self._exact = _known_values(frozenset(variables.items()))
        self._seen: dict[str, str] = {}
        self._clean: dict[str, str] = {}

    def text(self, text: str) -> str:
        """``text`` with a placeholder for every secret."""
        if len(text) < 8:
            return text
        clean = self._clean.get(text)
        if clean is None:
            spans = self.find(text)
            clean = _replaced(text, spans) if spans else text
            self._keep(text, clean)
        return clean

    def _keep(self, text: str, clean: str) -> None:
        if len(self._clean) >= _MOST:
            self._clean.clear()
        self._clean[text] = self._clean[clean] = clean

    def pieces(self, pieces: list[str]) -> list[str]:
        """The same for a text that came in pieces: as many pieces, joined they are scrubbed."""
        whole = "".join(pieces)
        spans = self.find(whole)
        if not spans:
            return pieces
        ends, total = [], 0
        for piece in pieces:
            total += len(piece)
            ends.append(total)
        result = [""] * len(pieces)
        at = 0
        for start, end, name in (*spans, (len(whole), len(whole), "")):
            while at < start:
                index = bisect.bisect_right(ends, at)
                stop = min(start, ends[index])
                result[index] += whole[at:stop]
                at = stop
            if name:
                result[bisect.bisect_right(ends, start)] += f"[redacted:{name}]"
                at = end
        return result

    def value(self, value: Any) -> Any:
        """A JSON value with its texts scrubbed, keys of mappings and values under secret names too.

        The same object comes back where nothing was found.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return value if all(a is b for a, b in zip(items, value, strict=True)) else items
        if isinstance(value, dict):
            entries = {self.text(k): self._field(k, v) for k, v in value.items()}
            return value if all(entries.get(k) is v for k, v in value.items()) else entries
        return value

    def _field(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and _FIELD.search(name) and _is_field_secret(name, value):
            self._remember(value, "field")
            return "[redacted:field]"
        return self.value(value)

    def _remember(self, secret: str, name: str) -> None:
        if _looks_random(secret):  # a word may be a password here and a word elsewhere
            self._seen.setdefault(secret, name)

    def find(self, text: str) -> list[Span]:
        """Where the secrets are: (start, end, rule), in order, apart."""
        spans: list[Span] = []
        for exact, name in self._exact.items():
            spans += _occurrences(text, exact, name)
        lower = text.lower()
        for rule in self._rules:
            for trigger in rule.triggers:  # not any(…): this is most of what recording costs
                if trigger in lower:
                    spans += self._matches(rule, text)
                    break
        return _apart(text, spans) if spans else spans

    def _matches(self, rule: Rule, text: str) -> Iterator[Span]:
        for match in rule.pattern.finditer(text):
            start, end = match.span(match.lastindex or 0)
            secret = text[start:end]
            if end > start and not secret.startswith("[redacted:") and rule.accept(secret):
                self._remember(secret, rule.name)
                yield start, end, rule.name

    def leaks(self, value: Any) -> list[str]:
        """The rules whose secrets a JSON value still holds, ones found elsewhere included."""
        found: set[str] = set()
        for text in _texts(value):
            if len(text) < 8:
                continue
            if self._clean.get(text) != text:  # else it came out of the scrubber like this
                spans = self.find(text)
                found.update(name for _, _, name in spans)
                if not spans:  # names and words that come again with every step
                    self._keep(text, text)
            if self._seen or self._exact:
                found.update(self.known_in(text))
        return sorted(found)

    @property
    def values(self) -> Collection[str]:
        """The secrets in environment variables, as they are and as they may be written."""
        return self._exact.keys()

    def known_in(self, text: str) -> list[str]:
        """The rules of those secrets in ``text`` that are known by value."""
        known = (self._seen, self._exact)
        return sorted({n for secrets in known for secret, n in secrets.items() if secret in text})


@lru_cache(maxsize=4)  # a tape has a scrubber, and environments hardly ever change
def _known_values(variables: frozenset[tuple[str, str]]) -> Mapping[str, str]:
    """The secrets in environment variables, as they are and as they may be written."""
    found: dict[str, str] = {}
    for name, value in sorted(variables):
        if _ENV_NAME.search(name) and _is_secret_value(name, value):
            data = value.encode("utf-8", "surrogateescape")
            encoded = base64.b64encode(data).decode().rstrip("=")
            for form in (
                value,
                json.dumps(value)[1:-1],
                urllib.parse.quote(data, safe=""),
                encoded,
            ):
                found.setdefault(form, "env")
    return found


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"the redact pattern {pattern!r} is not a regular expression: {error}"
        ) from error


def _is_secret_value(name: str, value: str) -> bool:
    """Spares paths, addresses, numbers, words such as `true`, and, of no password, plain words."""
    value = value.strip()
    if len(value) < 8 or value.startswith(("/", "http://", "https://", "unix:")):
        return False
    if " " in value and not _PASSWORD.search(name) and _is_plain(value):
        return False
    return not value.isdigit() and not (value.isalpha() and len(value) < 12)


def _is_plain(text: str) -> bool:
    """Whether ``text`` is words, such as a person's name: no JSON, no key among them."""
    return not re.search(r"[^\w\s.,'&()<>@-]", text) and not any(map(_looks_random, text.split()))


def _is_field_secret(name: str, value: str) -> bool:
    if _PLACEHOLDER.search(value) or len(value) < 4 or " " in value.strip():
        return False
    return bool(_PASSWORD.search(name)) or _looks_random(value)


def _occurrences(text: str, secret: str, name: str) -> Iterator[Span]:
    at = text.find(secret)
    while at >= 0:
        yield at, at + len(secret), name
        at = text.find(secret, at + len(secret))


def _apart(text: str, spans: list[Span]) -> list[Span]:
    """Overlapping spans as one, those inside a placeholder left out; the first one's name stays."""
    done = [match.span() for match in _PLACEHOLDER.finditer(text)]
    result: list[Span] = []
    for start, end, name in sorted(spans, key=lambda s: (s[0], -s[1])):
        if any(a < end and start < b for a, b in done):
            continue
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]), result[-1][2])
        else:
            result.append((start, end, name))
    return result


def _replaced(text: str, spans: list[Span]) -> str:
    out, at = [], 0
    for start, end, name in spans:
        out += [text[at:start], f"[redacted:{name}]"]
        at = end
    return "".join([*out, text[at:]])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
