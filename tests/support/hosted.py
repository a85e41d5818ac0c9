"""What tests of hosted models share: both providers on loopback, each with its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from agentlab import errors
from agentlab.boundary import recordable
from agentlab.models import cohere, openai
from tests.support.cohere_server import cohere_server
from tests.support.openai_server import openai_server
from tests.support.provider_server import Provider

KEY = "sk-very-secret-0123456789"
TEXT = "Hello there, friend!"


class Lab:
    """One provider: its server, and how to make its model."""

    def __init__(self, name: str, server: Provider, create: Callable[..., Any]) -> None:
        self.name, self.server, self.create = name, server, create

    def model(self, **params: Any) -> BaseChatModel:
        given = {"base_url": self.server.url, "api_key": KEY, "max_retries": 0, **params}
        return recordable(self.create("test", **given))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.server.requests]


@pytest.fixture(params=["openai", "cohere"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with ExitStack() as stack:
        if request.param == "openai":
            yield Lab("openai", stack.enter_context(openai_server()), openai.create)
        else:
            yield Lab("cohere", stack.enter_context(cohere_server()), cohere.create)


def failure(call: Callable[[], Any]) -> errors.AgentLabError:
    with pytest.raises(errors.AgentLabError) as caught:
        call()
    return caught.value
