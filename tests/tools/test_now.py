"""The clock's tool asks at the boundary, so a replay can answer."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from agentlab.boundary import Call, Handler, handling
from agentlab.errors import ToolError
from agentlab.tools import load_tools


class Frozen(Handler):
    def call(self, call: Call, proceed: Callable[[], Any]) -> Any:
        if call.kind == "clock":
            return datetime.datetime(2025, 1, 31, 23, 30, tzinfo=datetime.UTC)
        return proceed()


def test_the_time_in_a_zone() -> None:
    (now,) = load_tools("now")
    with handling(Frozen()):
        assert now.invoke({}) == "Friday 2025-01-31 23:30:00 +0000 (UTC)"
        text = now.invoke({"timezone": "europe/amsterdam"})
    assert text == "Saturday 2025-02-01 00:30:00 +0100 (Europe/Amsterdam)"


def test_an_unknown_zone_is_answered_with_the_nearest() -> None:
    (now,) = load_tools("now")
    with pytest.raises(ToolError, match="'Europe/Amsterdm' is no time zone") as caught:
        now.invoke({"timezone": "Europe/Amsterdm"})
    assert caught.value.hint == "did you mean Europe/Amsterdam?"
