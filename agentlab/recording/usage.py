"""The tokens that a stream tells of: at its end, or first what was read and last what was written.

They vary from run to run with what a provider has cached, so they are kept apart from the chunks,
which say in their field ``usage`` what of them they had: all (true), "read" or "written".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

Share = Literal[True, "read", "written"]


def take_usage(chunks: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Take it out of ``chunks``, in order, leaving each its share; returns the sum.

    Chunks that cannot be told from the sum keep their own.
    """
    from langchain_core.messages.ai import add_usage

    told = [fields for fields in chunks if fields.get("usage_metadata")]
    if not told:
        return None
    parts = [fields["usage_metadata"] for fields in told]
    total: dict[str, Any] = parts[0]
    for part in parts[1:]:
        total = dict(add_usage(total, part))  # type: ignore[arg-type]
    shares: tuple[Share, ...] = (True,) if len(told) == 1 else ("read", "written")
    if [share_of(total, share) for share in shares] == parts:
        for fields, share in zip(told, shares, strict=True):
            del fields["usage_metadata"]
            fields["usage"] = share
    return total


def share_of(usage: Any, share: Share) -> Any:
    """What one chunk told of ``usage``."""
    if usage and share == "read":
        read = usage.get("input_tokens", 0)
        return {"input_tokens": read, "output_tokens": 0, "total_tokens": read}
    if usage and share == "written":
        return {**usage, "input_tokens": 0, "total_tokens": usage.get("output_tokens", 0)}
    return usage
