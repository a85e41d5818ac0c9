"""Text from outside, without its power over the terminal.

A model, a file or a server can answer with escape sequences that move the cursor, rename the
window or fill the clipboard, and with direction controls that show text in another order than it
has. Here they become visible signs.
"""

from __future__ import annotations

# Direction marks, embeddings, overrides and isolates; line and paragraph separators.
_DIRECTION = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_OTHERS = (0x2028, 0x2029, 0xFEFF)
_KEPT = "\n\t"

_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in _KEPT},
    0x7F: "\u2421",
    **{code: f"<U+{code:04X}>" for code in (*range(0x80, 0xA0), *_DIRECTION, *_OTHERS)},
    **dict.fromkeys(range(55296, 57344), "�"),
}


def visible(text: str) -> str:
    """``text`` with control characters (but newline and tab) and direction controls visible.

    ``\\x1b`` becomes ``␛``, a right-to-left override ``<U+202E>``; a Windows line end is a newline.
    """
    return text.replace("\r\n", "\n").translate(_VISIBLE)


class SafeText:
    """:func:`visible` for a text that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The visible text of ``piece``; a last ``\\r`` waits, as a ``\\n`` may follow."""
        piece = self._held + piece
        self._held = "\r" if piece.endswith("\r") else ""
        return visible(piece.removesuffix("\r") if self._held else piece)

    def finish(self) -> str:
        """What was still waiting."""
        held, self._held = self._held, ""
        return visible(held)
