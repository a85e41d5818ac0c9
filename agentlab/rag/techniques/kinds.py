"""What kind a question is, told by how it is built, without a model.

A comparison names what is compared ("A or B", "both", two years). A chain describes a thing by
another one: relative clauses, "of the", "'s", "directed by". In doubt a question is of the simple
kind, which costs least. The signs are English; :func:`is_english` says where they are of use.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["single", "comparison", "chain"]
_LONGEST = 600  # characters that are looked at
_LONG = 14  # words: of a longer question one sign is enough

_BOTH = re.compile(
    r"""
      ^\W*(are|were|is|was|do|does|did|have|has)\b.*\b(both|same|also)\b
    | ^\W*(are|were|is|was|do|does|did|have|has)\b[^,]*\ and\ (the\ )?(?-i:[A-Z])
    | ^\W*which\b[^?]*,[^?]*\bor\b
    | \b(which|who|what)\b.*\b(more|less|fewer|first|last|earlier|later|most|\w{3,}(er|est))\b
      .*\b\S+\ or\ \S+
    | \bcompare | \bdifference\ between\b | \bversus\b | \bvs\b | \bin\ common\b | \beach\ of\b
    | \bboth\ of\b | \bboth\b.*\band\b | \band\b.*\bboth\b
    | \bbetween\ (\d{4}|(?-i:[A-Z]).*)\ and\ (\d{4}|(?-i:[A-Z]))
    | \b\d{4}\ (and|or|to)\ (in\ )?\d{4}\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LINK = re.compile(
    r"""
      \b(that|who|whom|whose|which|where)\b
    | \bof\ (the|a|an)\b
    | \w['’]s\b
    | \b(starring|directed|written|composed|founded|produced|created|played|located|based|known
        |named|born|released|owned|published|featuring|performed|recorded|inspired|set|filmed
        |developed|featured|signed|hosted|sung|formed|built)\b
      (?=.*\b(by|in|on|at|as|for|from|after|to)\b)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Of a person or place that goes by its part in something else.
_ROLE = re.compile(
    r"\b(director|author|writer|composer|singer|founder|owner|maker|creator|architect|wife|husband"
    r"|father|mother|son|daughter|brother|sister|birthplace|successor|predecessor)s? of\b",
    re.IGNORECASE,
)
# Most English questions have such a word; those that are words elsewhere too (is, was, of) are left
# out, but for the one that a question begins with.
_ENGLISH = re.compile(
    r"\b(the|what|who|whom|whose|which|when|where|why|how|does|did|were|and|with|from|have|there|that"
    r"|should|would|could|tell|give)\b|^\W*(is|are|can|do|has|name|list|show|find|compare)\b",
    re.IGNORECASE,
)
_FEW = 3  # words: too short to tell
_KEYWORDS = 6  # words at most of a query that is no sentence
_FIRST = re.compile(r"^\W*\w+")


def kind_of(question: str) -> Kind:
    """The kind of ``question``."""
    text = " ".join(question[:_LONGEST].split())
    if _BOTH.search(text):
        return "comparison"
    rest = _FIRST.sub("", text)
    links = len(_LINK.findall(rest)) + len(_ROLE.findall(rest))
    return "chain" if links > 1 or (links and len(text.split()) >= _LONG) else "single"


def is_english(question: str) -> bool:
    """Whether ``question`` looks English, or is too short to tell, as a few keywords are."""
    text = question[:_LONGEST]
    words, asks = len(text.split()), "?" in text
    short = words < _FEW if asks else words <= _KEYWORDS
    return (short and text.isascii()) or bool(_ENGLISH.search(text))
