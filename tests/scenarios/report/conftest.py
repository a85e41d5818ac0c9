"""The sample suite, and a real browser for the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentlab.scenarios.results import SuiteResult
from tests.scenarios.report.sample import sample
from tests.support import chromium
from tests.support.chromium import Page


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteResult:
    """A scenario of each status, from real recordings."""
    return sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One tab of a headless Chromium."""
    path = chromium.find()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(chromium.NAMES)} is on the PATH and starts")
    with chromium.chromium(path, tmp_path_factory.mktemp("chromium")) as page:
        yield page
