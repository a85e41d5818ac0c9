"""Servers as fixtures: ``def test_x(openai_server): openai_server.reply("Hi!")``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import cohere_server as cohere
from tests.support import openai_server as openai


@pytest.fixture
def openai_server() -> Iterator[openai.OpenAIServer]:
    """A server that speaks OpenAI's protocol; give its ``url`` as ``base_url``."""
    with openai.openai_server() as server:
        yield server


@pytest.fixture
def cohere_server() -> Iterator[cohere.CohereServer]:
    """A server that speaks Cohere's v2 protocol; give its ``url`` as ``base_url``."""
    with cohere.cohere_server() as server:
        yield server
