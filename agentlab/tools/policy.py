"""What a tool may do, and how long and how much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


_CLASS = re.compile(r"(?<!\\)\[\^?\]?(?:\\.|[^\]\\])*\]")
_NOT_DECODED = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:<?[=!]|P=|\()|\\[1-9])")


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """The limits that a tool runs in, and what it tells about itself.

    Attributes:
        timeout: seconds until it is stopped.
        max_result: characters of its result that the model is shown.
        network: whether it sends something to other machines.
        side_effects: whether it changes something outside, so that a person should approve it.
        untrusted: whether its results may hold text that others wrote. Agents mark such text as
            data, and ask a person before a tool with side effects runs after it.
        isolate: run it in a process of its own, which can be killed whatever it does. A call costs
            about a second more, for the imports. Only for tools that come from a file.
        patterns: regular expressions of text arguments, by name, that a local model's writing is
            held to. Other models are not told of them, and the tool may take more.
    """

    timeout: float = 30.0
    max_result: int = 4_000
    network: bool = False
    side_effects: bool = False
    untrusted: bool = True
    isolate: bool = False
    patterns: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise ValueError(f"timeout must be above 0 seconds, not {self.timeout!r}")
        if self.max_result < 100:
            raise ValueError(f"max_result must be at least 100 characters, not {self.max_result!r}")
        for name, pattern in self.patterns.items():
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise ValueError(f"the pattern {pattern!r} of {name!r} is none: {error}") from error
            if _NOT_DECODED.search(_CLASS.sub("", pattern)):
                raise ValueError(
                    f"the pattern {pattern!r} of {name!r} looks around or back, which cannot be "
                    "kept to while decoding"
                )


# Of a tool that came without one, as nobody knows what it does.
ASSUMED = ToolPolicy(side_effects=True, network=True)


class UnstatedPolicy(UserWarning):
    """A tool came without a policy, so it will be refused where it may have side effects."""


def policy_of(tool: BaseTool) -> ToolPolicy:
    """The policy of ``tool``; of one that has none, the careful one (:data:`ASSUMED`)."""
    policy = getattr(tool, "policy", None)
    return policy if isinstance(policy, ToolPolicy) else ASSUMED


def is_assumed(tool: BaseTool) -> bool:
    """Whether nobody told the policy of ``tool``."""
    return not isinstance(getattr(tool, "policy", None), ToolPolicy) or bool(
        getattr(tool, "assumed", False)
    )
