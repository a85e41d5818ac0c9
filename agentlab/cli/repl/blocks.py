'''Texts of several lines, between lines that begin and end with """.'''

from __future__ import annotations

FENCE = '"""'


def is_open(text: str) -> bool:
    """Whether ``text`` begins a block that it does not end."""
    return text.lstrip().startswith(FENCE) and not _ends(text.strip())


def unfenced(text: str) -> str:
    """``text`` without the fences around it, if it has them."""
    stripped = text.strip()
    if not (stripped.startswith(FENCE) and _ends(stripped)):
        return text
    return stripped[len(FENCE) : -len(FENCE)].strip("\n")


def _ends(text: str) -> bool:
    return len(text) >= 2 * len(FENCE) and text.endswith(FENCE)
