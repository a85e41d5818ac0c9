"""What a splitter is told, as a value and as a short text.

========================  ==========================================================
``document``              whole documents
``paragraphs:N``          N paragraphs (1 where N is left out)
``sentences:N``           N sentences (1)
``tokens:N``              whole sentences, up to N tokens of the embeddings (256)
``headings:N``            sections of Markdown, parted further at N tokens (256)
========================  ==========================================================

``/M`` after it lets neighbours share M of their sentences, paragraphs or tokens. ``A in B``
searches the small chunks ``A`` and gives the large ones ``B`` they come from: ``sentences:2 in
tokens:400``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from agentlab.errors import ConfigError

Unit = Literal["document", "paragraphs", "sentences", "tokens", "headings"]
UNITS: tuple[str, ...] = get_args(Unit)
_DEFAULTS = {"document": 1, "paragraphs": 1, "sentences": 1, "tokens": 256, "headings": 256}
_SPEC = re.compile(r"([a-z]+)(?::(\d{1,6}))?(?:/(\d{1,6}))?")
_EXAMPLES = "tokens:256/32, sentences:3, paragraphs, headings, document"


@dataclass(frozen=True, slots=True)
class Splitter:
    """How documents become chunks; see the module. ``parent`` is what small chunks come from."""

    unit: Unit = "tokens"
    size: int = 256
    overlap: int = 0
    parent: Splitter | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            near = difflib.get_close_matches(str(self.unit), UNITS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(UNITS)}"
            raise ConfigError(f"nothing can be split into {self.unit!r}", hint=hint)
        if self.size < 1:
            raise ConfigError(f"the size of a chunk must be 1 or more, not {self.size}")
        if not 0 <= self.overlap < self.size:
            raise ConfigError(
                f"chunks of {self.size} {self.unit} cannot share {self.overlap}",
                hint="the part that is shared must be smaller than the chunk",
            )

    @classmethod
    def parse(cls, spec: str) -> Splitter:
        """From text.

        Raises:
            ConfigError: it is not a splitter.
        """
        small, _, large = (part.strip() for part in spec.partition(" in "))
        match = _SPEC.fullmatch(small)
        if match is None:
            raise ConfigError(f"{spec!r} is no splitter", hint=f"write one such as {_EXAMPLES}")
        size = int(match[2]) if match[2] else _DEFAULTS.get(match[1], 1)
        parent = cls.parse(large) if large else None
        return cls(cast(Unit, match[1]), size, int(match[3] or 0), parent)

    def __str__(self) -> str:
        own = self.unit if self.unit == "document" else f"{self.unit}:{self.size}"
        shared = f"/{self.overlap}" if self.overlap else ""
        return f"{own}{shared}" + (f" in {self.parent}" if self.parent else "")
