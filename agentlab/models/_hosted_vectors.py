"""Embeddings of OpenAI (and compatible servers) and Cohere, and Cohere's reranker, over HTTP."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from langchain_core.embeddings import Embeddings

from agentlab.boundary import Reranker
from agentlab.errors import AgentLabError, ConfigError, ProviderError
from agentlab.models import _event_loop
from agentlab.models._hosted import key_from, seconds, worth_waiting
from agentlab.models._parameters import check_parameters
from agentlab.models._provider_errors import Endpoint, explain, from_answer
from agentlab.offline import raise_if_offline

OPENAI_URL = "https://api.openai.com/v1"
COHERE_URL = "https://api.cohere.com"
_COMMON = ("api_key", "base_url", "timeout", "max_retries")
_MOST_TEXTS = {"openai": 256, "cohere": 96}  # in one request


@dataclass(frozen=True, slots=True)
class Api:
    """An API of vectors: where it is, how long to wait for it, and how often to ask again."""

    endpoint: Endpoint
    timeout: float
    tries_again: int

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that answers ``body``; asked again where that may help.

        Raises:
            ProviderError: the API said no, or nothing that can be read.
        """
        attempt = 0
        while True:
            try:
                return await self._once(path, body)
            except Exception as error:  # noqa: BLE001 - every kind is told in our words
                failure = explain(error, self.endpoint)
            wait = worth_waiting(failure, attempt)
            if attempt >= self.tries_again or wait is None:
                raise failure
            await asyncio.sleep(wait)
            attempt += 1

    async def _once(self, path: str, body: Mapping[str, Any]) -> Any:
        key = self.endpoint.key
        response = await _client(os.getpid()).post(
            f"{self.endpoint.url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=self.timeout,
        )
        if response.is_success:
            return response.json()
        try:
            said: Any = response.json()
        except ValueError:
            said = response.text
        raise from_answer(response.status_code, said, response.headers, self.endpoint)


class HostedEmbeddings(Embeddings):
    """The embeddings of a hosted API."""

    def __init__(self, kind: str, api: Api, name: str, dimensions: int | None) -> None:
        self.kind = kind
        self.name = name
        self.dimensions = dimensions
        self.batch = _MOST_TEXTS[kind]
        self._api = api

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is; not where it runs, so that a server may move."""
        size = {} if self.dimensions is None else {"dimensions": self.dimensions}
        return {"name": f"{self.kind}:{self.name}", **size}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        return _event_loop.run(self._vectors(texts, "search_document"))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return _event_loop.run(self._vectors([text], "search_query"))[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        return await _event_loop.arun(self._vectors(texts, "search_document"))

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return (await _event_loop.arun(self._vectors([text], "search_query")))[0]

    async def _vectors(self, texts: Sequence[str], purpose: str) -> list[list[float]]:
        raise_if_offline(f"ask {self.kind}:{self.name} for vectors")
        most, vectors = self.batch, []
        ask = self._openai if self.kind == "openai" else self._cohere
        for start in range(0, len(texts), most):
            part = list(texts[start : start + most])
            found = await _understood(self._api, lambda part=part: ask(part, purpose))  # type: ignore[misc]
            if len(found) != len(part):
                raise ProviderError(
                    f"{self._api.endpoint.model}: {len(found)} vectors for {len(part)} texts"
                )
            vectors += found
        return vectors

    async def _openai(self, texts: list[str], _purpose: str) -> list[list[float]]:
        body: dict[str, Any] = {"model": self.name, "input": texts, "encoding_format": "float"}
        if self.dimensions is not None:
            body["dimensions"] = self.dimensions
        answer = await self._api.post("/embeddings", body)
        rows = sorted(answer["data"], key=lambda row: row["index"])
        return [[float(x) for x in row["embedding"]] for row in rows]

    async def _cohere(self, texts: list[str], purpose: str) -> list[list[float]]:
        body: dict[str, Any] = {
            "model": self.name,
            "texts": texts,
            "input_type": purpose,
            "embedding_types": ["float"],
        }
        if self.dimensions is not None:
            body["output_dimension"] = self.dimensions
        answer = await self._api.post("/v2/embed", body)
        return [[float(x) for x in row] for row in answer["embeddings"]["float"]]


class CohereReranker:
    """Cohere's reranker: a relevance between 0 and 1."""

    def __init__(self, api: Api, name: str) -> None:
        self.name = name
        self._api = api

    @property
    def identity(self) -> dict[str, Any]:
        """Which model this is."""
        return {"name": f"cohere:{self.name}"}

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, higher is better."""
        return _event_loop.run(self._scores(query, texts)) if texts else []

    async def arerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """:meth:`rerank`, awaited."""
        return await _event_loop.arun(self._scores(query, texts)) if texts else []

    async def _scores(self, query: str, texts: Sequence[str]) -> list[float]:
        raise_if_offline(f"ask cohere:{self.name} to rerank")
        body = {"model": self.name, "query": query, "documents": list(texts)}

        async def ask() -> list[float]:
            answer = await self._api.post("/v2/rerank", body)
            scores = {row["index"]: float(row["relevance_score"]) for row in answer["results"]}
            return [scores[n] for n in range(len(texts))]

        scores: list[float] = await _understood(self._api, ask)
        return scores


async def _understood(api: Api, ask: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await ask()
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, AgentLabError):
            raise
    raise ProviderError(f"{api.endpoint.model}: {api.endpoint.where} sent a malformed answer")


def create_embeddings(kind: str, name: str, params: dict[str, Any]) -> Embeddings:
    """The embeddings ``name`` of ``kind``, which is ``openai`` or ``cohere``.

    Raises:
        MissingKey: there is no key, and the provider's own address asks for one.
        ConfigError: a parameter is unknown or wrong.
    """
    spec = f"{kind}:{name}"
    check_parameters(params, (*_COMMON, "dimensions"), spec)
    size = params.pop("dimensions", None)
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ConfigError(f"{spec}: `dimensions` must be 1 or more, not {size!r}")
    return HostedEmbeddings(kind, _api(kind, spec, params), name, size)


def create_reranker(name: str, params: dict[str, Any]) -> Reranker:
    """Cohere's reranker ``name``.

    Raises:
        MissingKey: there is no key, and Cohere's own address asks for one.
        ConfigError: a parameter is unknown or wrong.
    """
    spec = f"cohere:{name}"
    check_parameters(params, _COMMON, spec)
    return CohereReranker(_api("cohere", spec, params), name)


def _api(kind: str, spec: str, params: Mapping[str, Any]) -> Api:
    if kind == "openai":
        own, url_variable = OPENAI_URL, "OPENAI_BASE_URL"
        variables: tuple[str, ...] = ("OPENAI_API_KEY",)
    else:
        own, url_variable = COHERE_URL, "CO_API_URL"
        variables = ("COHERE_API_KEY", "CO_API_KEY")
    url = params.get("base_url") or os.environ.get(url_variable) or own
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise ConfigError(f"{spec}: `base_url` must start with http:// or https://, not {url!r}")
    url = url.rstrip("/")
    if kind == "cohere":
        url = url.removesuffix("/v2").removesuffix("/v1")
    retries = params.get("max_retries")
    retries = 2 if retries is None else retries
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 20:
        raise ConfigError(f"{spec}: `max_retries` must be from 0 to 20, not {retries!r}")
    key = key_from(params.get("api_key"), variables, spec, needed=url.startswith(own))
    timeout = seconds(params.get("timeout"), spec, "timeout") or 120.0
    return Api(Endpoint(spec, url, variables[0], key), timeout, retries)


@functools.cache
def _client(_process: int) -> httpx.AsyncClient:
    """One connection pool a process: it lives on the event loop of the hosted calls."""
    return httpx.AsyncClient(follow_redirects=True)
