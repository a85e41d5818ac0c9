"""What went wrong at a hosted API, as AgentLab's errors: the SDKs' own never leave this layer.

Raised without a cause on purpose: the SDKs' errors carry the request, and with it the key.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agentlab.errors import (
    AgentLabError,
    AuthenticationError,
    ConfigError,
    ContextOverflow,
    InvalidOutput,
    ProviderError,
    RateLimited,
    StreamInterrupted,
    Unreachable,
)

_LIMITS = (
    r"maximum context length (?:is|of) (?P<available>\d+).*?"
    r"(?:requested|resulted in|received|has|contains)(?: at least)? (?P<needed>\d+)",
    r"cannot exceed (?P<available>\d+).*?received (?P<needed>\d+)",
    r"request \((?P<needed>\d+) tokens\) exceeds the available context size \((?P<available>\d+)",
    r"(?P<needed>\d+) tokens > (?P<available>\d+) maximum",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is asked, for messages: never the key."""

    model: str
    url: str
    key_variable: str
    key: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """The address, without a name and password in it."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

    def redact(self, text: str) -> str:
        """``text`` without the key, or anything that looks like one."""
        if len(self.key) >= 4:
            text = text.replace(self.key, "***")
        return re.sub(r"\b(sk|co|pk)-[\w*-]{6,}|(?i:bearer)\s+\S+", "***", text)


def explain(error: Exception, endpoint: Endpoint, *, stream: bool = False) -> AgentLabError:
    """``error``, raised by an SDK or below it, while reading a ``stream`` or a whole answer."""
    if isinstance(error, AgentLabError):
        return error
    status = _status(error)
    if status is not None:
        return from_answer(status, _body(error), _headers(error), endpoint)
    names = {cls.__name__ for cls in type(error).__mro__}
    if names & {"APITimeoutError", "TimeoutException", "TimeoutError"}:
        return Unreachable(
            f"{endpoint.model}: no answer from {endpoint.where} in time",
            hint="give a larger `timeout`, or look at the server",
        )
    if names & {"APIConnectionError", "TransportError", "ConnectionError"}:
        cause = _first_cause(error)
        if type(cause).__name__ in ("ReadError", "RemoteProtocolError", "WriteError"):
            return Unreachable(f"{endpoint.model}: the connection to {endpoint.where} broke")
        why = _short(endpoint.redact(str(cause) or type(cause).__name__))
        return Unreachable(
            f"{endpoint.model}: no connection to {endpoint.where} ({why})",
            hint="is the server running, and the address right?",
        )
    if "LengthFinishReasonError" in names:
        return InvalidOutput(
            f"{endpoint.model}: the answer was cut before it fit its schema",
            text=_said(error),
            hint="give a larger `max_tokens`",
        )
    if "ContentFilterFinishReasonError" in names:
        return ProviderError(f"{endpoint.model}: the provider's content filter stopped the answer")
    if names & {"JSONDecodeError", "DecodeError", "SSEError"}:
        words = f"{endpoint.model}: {endpoint.where} sent a malformed answer"
        return StreamInterrupted(words) if stream else ProviderError(words)
    if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
        name = str(error).rpartition(" ")[2]
        return ConfigError(
            f"{endpoint.model} has no parameter {name}",
            hint="a compatible server may take it in `extra_body`",
        )
    if "ValidationError" in names:
        return _unfit(error, endpoint)
    if "APIError" in names:  # an error event inside a stream
        return ProviderError(f"{endpoint.model}: {_short(endpoint.redact(str(error)))}")
    text = _short(endpoint.redact(f"{type(error).__name__}: {error}"))
    return ProviderError(f"{endpoint.model} could not answer: {text}")


def from_answer(
    status: int, body: Any, headers: Mapping[str, str], endpoint: Endpoint
) -> AgentLabError:
    """An HTTP answer that is an error. ``body`` is the parsed JSON, or text."""
    said = _short(endpoint.redact(_words(body)))
    tail = f": {said}" if said else ""
    if status in (401, 403):
        what = "did not accept the key" if status == 401 else "does not allow this"
        return AuthenticationError(
            f"{endpoint.model}: {endpoint.where} {what} ({status}){tail}",
            status=status,
            hint=f"look at the key in {endpoint.key_variable}, and what it may do",
        )
    if status == 429:
        wait = retry_after(headers)
        return RateLimited(
            f"{endpoint.model}: too many requests (429){tail}",
            retry_after=wait,
            hint=f"try again in {wait:g} seconds" if wait is not None else "try again later",
        )
    if status in (400, 413, 422) and (overflow := _overflow(body, endpoint)):
        return overflow
    hint = ""
    if status == 404:
        hint = "is the model's name right, and the address (with /v1, where the server has it)?"
    return ProviderError(
        f"{endpoint.model}: {endpoint.where} answered {status}{tail}", status=status, hint=hint
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds an answer asks to wait: ``retry-after-ms``, or ``Retry-After`` in both forms."""
    lower = {str(k).lower(): v for k, v in headers.items()}
    try:
        if "retry-after-ms" in lower:
            return max(0.0, float(lower["retry-after-ms"]) / 1000)
        value = lower.get("retry-after", "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        date = email.utils.parsedate_tz(value) if value else None
        return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
    except (ValueError, OverflowError):
        return None


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _headers(error: Exception) -> Mapping[str, str]:
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or getattr(error, "headers", None) or {}
    return headers if isinstance(headers, Mapping) else {}


def _body(error: Exception) -> Any:
    body = getattr(error, "body", None)
    return body if body is not None else getattr(error, "message", "")


def _words(body: Any) -> str:
    """What an error's body says: OpenAI, Cohere and their imitators each have their own place."""
    if isinstance(body, str):
        try:
            return _words(json.loads(body))
        except ValueError:
            return "" if "<html" in body.lower() else body
    if isinstance(body, Mapping):
        for key in ("error", "message", "detail", "error_msg"):
            if body.get(key):
                return _words(body[key])
        return ""
    return "" if body is None else str(body)


def _overflow(body: Any, endpoint: Endpoint) -> ContextOverflow | None:
    inner = body.get("error", body) if isinstance(body, Mapping) else {}
    if isinstance(inner, Mapping) and {"n_prompt_tokens", "n_ctx"} <= inner.keys():
        needed, available = inner["n_prompt_tokens"], inner["n_ctx"]
        if isinstance(needed, int) and isinstance(available, int):
            return _context_overflow(needed, available, endpoint)
    words = _words(body).replace(",", "")
    for pattern in _LIMITS:
        if found := re.search(pattern, words, re.IGNORECASE | re.DOTALL):
            return _context_overflow(int(found["needed"]), int(found["available"]), endpoint)
    return None


def _context_overflow(needed: int, available: int, endpoint: Endpoint) -> ContextOverflow:
    return ContextOverflow(
        f"{endpoint.model}: the request needs {needed} tokens, the model has {available}",
        needed=needed,
        available=available,
        hint="shorten the prompt, or give a smaller `max_tokens`",
    )


def _first_cause(error: BaseException) -> BaseException:
    """What httpx said, below what an SDK made of it; not what the system said to httpx."""
    while error.__cause__ is not None and not type(error).__module__.startswith("httpx"):
        error = error.__cause__
    return error


def _said(error: Exception) -> str:
    choices = getattr(getattr(error, "completion", None), "choices", None)
    return str(choices[0].message.content or "") if choices else ""


def _unfit(error: Any, endpoint: Endpoint) -> InvalidOutput:
    """OpenAI's SDK checks answers of classes itself, and raises pydantic's error.

    The whole answer is only in the server's response, which langchain-openai has put on it.
    """
    words = f"{endpoint.model}: the answer does not fit its schema"
    with suppress(AttributeError, LookupError, TypeError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the answer"
        words = f"{words}: {place}: {_short(endpoint.redact(str(first['msg'])))}"
    text = ""
    with suppress(AttributeError, LookupError, TypeError, ValueError, RecursionError):
        text = error.response.json()["choices"][0]["message"]["content"] or ""
    return InvalidOutput(words, text=text if isinstance(text, str) else "")


def _short(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
