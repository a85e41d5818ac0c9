"""JSONPaths (RFC 9535), whose regular expressions have a time limit as all others have."""

from __future__ import annotations

import functools
from typing import Any

from agentlab.scenarios.expectations.text import REGEX_SECONDS


@functools.cache
def _environment() -> Any:
    import jsonpath
    from jsonpath.function_extensions import Match, Search

    class TimedSearch(Search):
        """Finds a pattern, within the limit."""

        def __call__(self, value: object, pattern: object) -> bool:
            return _found(self, "search", value, pattern)

    class TimedMatch(Match):
        """Matches a pattern from end to end, within the limit."""

        def __call__(self, value: object, pattern: object) -> bool:
            return _found(self, "fullmatch", value, pattern)

    environment = jsonpath.JSONPathEnvironment(strict=True)
    environment.function_extensions["search"] = TimedSearch()
    environment.function_extensions["match"] = TimedMatch()
    return environment


def _found(function: Any, method: str, value: object, pattern: object) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    compiled = function.check_cache(pattern)
    if compiled is None:
        return False
    return getattr(compiled, method)(value, timeout=REGEX_SECONDS) is not None


def compile_path(source: str) -> Any:
    """The path that ``source`` is.

    Raises:
        ValueError: it is none; the message says where.
    """
    import jsonpath

    try:
        return _environment().compile(source)
    except (jsonpath.JSONPathError, RecursionError) as error:
        told = str(error).splitlines()[0] if str(error) else "it is nested too deeply"
        raise ValueError(told) from error
