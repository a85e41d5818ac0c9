"""What stands around an equation in a text, and whether it may be a part of it.

``15% of 80 - 3 = 9`` is no statement about ``80 - 3``, and ``8 + 5 = 13:15`` none about 13. So an
equation counts only after what begins one (a line, a sentence, a colon, a sign of equality, a word
such as "so" or "is", or a few words that hold no number and change none), and before what surely
ends one. An error that is missed costs less than a correction that is false.
"""

from __future__ import annotations

import re

_SEEN = 120  # characters of the line that are looked at

# "2. 5 + 2" and "is 7. 5 + 2": a point before a space belongs to no number.
_POINTED = re.compile(r".*\d\.[ \t]+(?=[\d(])")
_LISTED = re.compile(r"\(?\d{1,3}\)[ \t]+(?=[\d(])")  # "(2) 5 + 2", "2) 5 + 2"
_LINE_START = re.compile(
    r"[ \t]*(?P<bullet>[-*•◦‣>])?[ \t]*(?:\(?(?:[A-Za-z]|[ivxIVX]{1,5})[.)][ \t]+)?"
)
_SIGNS = ("=", "=>", "→", "⇒", "∴", ";")
_NUMBERED = re.compile(
    r"\b(?:steps?|days?|weeks?|months?|years?|parts?|cases?|stages?|phases?|problems?|questions?"
    r"|rounds?|methods?|options?|lines?|equations?|calculations?|examples?)[ \t]*#?\d{1,3}[:.)]$",
    re.IGNORECASE,
)
_EQUALLED = re.compile(
    r"=[ \t]*[$€£]?-?\d[\d.]*(?:[ \t]+[A-Za-z]{1,20}){0,3}(?:,|,?[ \t]+and)$", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?:[A-Za-z)\]\"'’%][.!?]|\d[.?])[)\"'’]?$")
_PAUSE = re.compile(r"[A-Za-z)\]\"'’][:,]$")
_SHORTENED = re.compile(r"\b(?:approx|sq|avg|est|ca|c|vs|max|min|resp|incl|excl)\.$", re.IGNORECASE)
_LEADING = re.compile(
    r"(?<![\w%-])(?:so|then|thus|hence|therefore|now|next|first|firstly|secondly|finally"
    r"|lastly|again|also|because|since|is|are|was|were|be|becomes?|means|namely|i\.e\.|that's"
    r"|it's|let's|has|have|had|makes?|made|gets?|got|gives?|gave|equals?|yields?|leaves?|costs?"
    r"|pays?|paid|spends?|spent|earns?|earned|sells?|sold|needs?|total|totals?|altogether"
    r"|calculate|calculating|compute|computing|(?:a|the|in) (?:total|sum) of)$",
    re.IGNORECASE,
)
# What changes the value of what follows it, even over a comma or a colon.
_CHANGING = re.compile(
    r"\b(?:half|halve|twice|double|doubled|thrice|triple|tripled|quarter|third|percent|squared?"
    r"|cubed?|root|times|plus|minus|negative|inverse|reciprocal|average|mean|ratio|about|around"
    r"|approximately|roughly|estimate|estimated|estimating|nearly|almost|not)[:,]$",
    re.IGNORECASE,
)
# Words among the last three, without a pause, that change the value of what follows, or count it.
_CHANGERS = re.compile(
    r"\d|\b(?:of|twice|thrice|half|halv\w*|doubl\w*|tripl\w*|quadrupl\w*|quarters?|thirds?|fourths?"
    r"|fifths?|sixths?|eighths?|tenths?|percent|times|squar\w*|cub(?:e|ed|ing)|roots?|plus|minus"
    r"|negative|less|more|fewer|than|inverse|reciprocal|average|mean|median|ratio|not|no|never|isn't"
    r"|mod|modulo|log|ln|exp|sqrt|sin|cos|tan|factorial|choose|wrong\w*|incorrect\w*|mistaken\w*"
    r"|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|sixty|seventy|eighty|ninety|dozens?|scores?|pairs?|hundreds?|thousands?|millions?|billions?"
    r"|remainder|divid\w*|multipl\w*|add\w*|subtract\w*|about|around|approximately|roughly"
    r"|nearly|almost|estimat\w*)\b|n't\b",
    re.IGNORECASE,
)
# The last of them: what joins two things.
_JOINING = re.compile(
    r"\b(?:and|or|nor|by|from|with|without|within|over|per|between|into|versus|vs|x|if|unless|a|an"
    r"|each|every|another|extra|additional|over|under|above|below|top|like|as)$",
    re.IGNORECASE,
)
_WORDS = re.compile(r"(?:[A-Za-z'’]+ ){0,2}[A-Za-z'’]+$")
_GOING_ON = re.compile(
    r"(?:[-+*/^(%,]|\b(?:of|times|plus|minus|by|than|from|mod|twice|half|double|triple|thrice|root"
    r"|over|the))$",
    re.IGNORECASE,
)
_OTHER_NUMBERS = re.compile(
    r"\b(?:binary|octal|hexadecimal|hex|base[- ]?\d+|modulo|modular|mod)\b", re.IGNORECASE
)

_TIMES = r"dozens?|pairs?|score|hundreds?|thousands?|millions?|billions?|trillions?|k|bn|tens?"
_FRACTIONS = (
    r"hal(?:f|ves)|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?"
    r"|twelfths?|hundredths?|thousandths?"
)
_GOES_ON = re.compile(
    r"[\w½⅓⅔¼¾⅛⅜⅝⅞√²³!?°^']|[:,.]\d|[ \t]+[\d½⅓⅔¼¾⅛⅜⅝⅞√]"
    rf"|[ \t]*-?(?:(?:an?|one|two|three)[ \t]+)?(?:{_TIMES}|{_FRACTIONS}|squared|cubed"
    r"|percent|pct|times|plus|minus|multiplied|divided|over|of|mod|modulo|to|or|x|choose|factorial|r|rem"
    r"|am|pm|[ap]\.m|o'clock|in (?:binary|octal|hex\w*|base)|base|approx\w*|roughly|about|rounded"
    r"|or so)\b"
    r"|[ \t]+and[ \t]+(?:an?|one|two|three|half)\b"
    # 1 hour 15 minutes; 2 dollars and 50 cents
    r"|[ \t]+[A-Za-z]{1,15}\.?(?:,|[ \t]and|,[ \t]and)?[ \t]+\d[\d.]*[ \t]?[A-Za-z]"
    r"|[ \t,;]+(?:and[ \t]|we[ \t]|write[ \t]\d[ \t])*carr(?:y|ied|ies)\b"  # digit by digit
    # told to be wrong by who wrote it
    r"|[ \t,;]+(?:(?:which|that|but|this|it)[ \t]){0,2}(?:isn't|can't|cannot"
    r"|(?:is|was|would be|seems|looks)[ \t](?:not|wrong|incorrect|false|impossible|too))\b",
    re.IGNORECASE,
)


def begun(text: str, start: int, left: str) -> tuple[str, bool] | None:
    """The left side proper of what begins at ``start``, and whether a bullet before it may be its
    minus sign; None where what is before it may be a part of it.
    """
    from_line = text.rfind("\n", 0, start) + 1
    line = text[max(from_line, start - _SEEN) : start]
    if _OTHER_NUMBERS.search(line):
        return None
    if match := _POINTED.match(left):
        return left[match.end() :], False
    opening = _LINE_START.fullmatch(line) if start - from_line <= _SEEN else None
    if opening and (not line or line[-1].isspace()):
        bullet = opening["bullet"] or ""
        if not _is_new_line(text[max(from_line - _SEEN, 0) : from_line], bullet):
            return None
        listed = _LISTED.match(left)
        return left[listed.end() :] if listed else left, bullet == "-"
    return (left, False) if _is_lead(line) else None


def goes_on(text: str, end: int) -> bool:
    """Whether what is at ``end`` may be a part of the number before it, or says it is not meant."""
    return _GOES_ON.match(text, end) is not None


def _is_lead(line: str) -> bool:
    """Whether ``line`` may only stand before an equation, and not be a part of its left side."""
    before = line.rstrip(" \t")
    if before.endswith(_SIGNS):
        return True
    if before == line:  # nothing parts them
        return bool(re.search(r"[A-Za-z]:$", line)) and not _CHANGING.search(line)
    if _LEADING.search(before) or _EQUALLED.search(before) or _NUMBERED.search(before):
        return True
    if _SENTENCE.search(before):
        return not _SHORTENED.search(before)
    if _PAUSE.search(before):
        return not _CHANGING.search(before)
    return _says_nothing(before)


def _says_nothing(before: str) -> bool:
    """Whether the last words, without a pause, cannot change what comes after them."""
    clause = re.split(r"[,;:.!?](?=[ \t])", before)[-1].strip()
    last = " ".join(clause.split()[-3:])
    words = _WORDS.fullmatch(last)
    return bool(words) and not _CHANGERS.search(last) and not _JOINING.search(last)


def _is_new_line(before: str, bullet: str) -> bool:
    """Whether a line begins something new, after the text ``before`` it."""
    last = before.removesuffix("\n").rpartition("\n")[2].strip()
    if _GOING_ON.search(last):
        return False
    # "12" and, on the next line, "- 5 + 3": a sum goes on.
    return not (bullet in ("-", "*") and last[-1:].isdigit() and last[0] != bullet)
