from __future__ import annotations

from pathlib import Path

import pytest

from agentlab.scenarios.results import Run
from tests.scenarios.expectations.runs import recorded_support


@pytest.fixture(scope="session")
def support_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder: Path = tmp_path_factory.mktemp("support")
    return recorded_support(folder)
