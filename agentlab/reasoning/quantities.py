"""Numbers with their units: whether a text is one, in one spelling, and those in a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation

_CODES = "USD|EUR|GBP|JPY|CHF|CNY|RMB|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|BRL|KRW|MXN|ZAR"
_CURRENCY = rf"(?:(?:US ?|[A-Z]{{1,2}})\$|[$€£¥₹₩₽₺₴₪₫₱₦฿]|(?ai:{_CODES})(?![^\W\d_]))"
_IN_GROUPS = r"\d{1,3}(?:(?P<gap>[,_' ])\d{3})(?:(?P=gap)\d{3})*"
_DIGITS = rf"(?=\.?\d)(?:{_IN_GROUPS}|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?"
_WORD = r"(?:[^\W\d_]+(?:\^?[23])?|°[CFK]?)"
_SCALE_NAMES = {"dozen": 12, "hundred": 10**2, "thousand": 10**3, "lakh": 10**5, "crore": 10**7}
_SCALE_NAMES |= dict.fromkeys(("million", "mio", "mln", "mn"), 10**6)
_SCALE_NAMES |= dict.fromkeys(("billion", "milliard", "mrd", "bn"), 10**9)
_SCALE_NAMES |= {"trillion": 10**12, "tn": 10**12, "quadrillion": 10**15}
_SCALES = _SCALE_NAMES | {"k": 10**3, "m": 10**6, "b": 10**9}
_SCALE_WORD = f"(?ai:(?:{'|'.join(_SCALE_NAMES)})s?)"
# Of a text with single spaces: with runs of them it would take too long.
_QUANTITY = re.compile(
    rf"(?P<before>{_CURRENCY})? ?(?P<sign>[-+]?) ?(?P<inner>{_CURRENCY})? ?(?P<digits>{_DIGITS})"
    rf"(?:\^(?P<power>-?\d{{1,2}}))?"
    rf"(?P<scale>K(?!\w)| ?(?:[kMB]|{_SCALE_WORD})(?!\w)(?: {_SCALE_WORD}(?!\w))*)?"
    rf"(?: ?(?P<after>%|(?ai:U\.?S\.?) dollars?|{_CURRENCY}|{_WORD}))?(?: ?/ ?(?P<per>{_WORD}))?"
)
_PART = re.compile(r"(?:ten|hundred|thousand|million|billion)th")  # 5 hundredths are not 5
_SAME_UNIT = {"percent": "%", "feet": "foot", "people": "person", "children": "child"}
_SAME_UNIT |= dict.fromkeys(("dollar", "usd", "us$", "us dollar"), "$")
_SAME_UNIT |= {"euro": "€", "eur": "€", "pound": "£", "gbp": "£", "yen": "¥", "jpy": "¥"}
_SAME_UNIT |= {"yuan": "cny", "rmb": "cny", "rupee": "₹", "inr": "₹"}
# Units of which a thousandth and a million are both in use: 5 mW are not 5 MW.
_MILLI_OR_MEGA = re.compile(r"[mM](?:(?i:w|wh|v|a|j|l|hz|pa|ev|Ω|ohm)|[gms]|mol)")
_SUPERSCRIPT = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_BEFORE_FRACTION = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞])")
_BEFORE_SUBSCRIPT = re.compile("(?<=[0-9])(?=[₀-₉])")

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_WHOLE_TENS = {name: Decimal(value * 10) for value, name in enumerate(_TENS.split(), 2)}
_NUMBER_WORDS = {name: Decimal(value) for value, name in enumerate(_ONES.split())}
_NUMBER_WORDS |= {name: Decimal(value) for value, name in enumerate(_ORDINALS.split(), 1)}
_NUMBER_WORDS |= _WHOLE_TENS
_NUMBER_WORDS["half"] = Decimal("0.5")
_NUMBER_WORDS |= {
    f"{name}{end}": Decimal(value)
    for name, value in _SCALE_NAMES.items()
    for end in ("", "s")
    if len(name) > 3
}
_OFTEN_NO_NUMBER = ("one", "first", "second")
_IN_SENTENCE = re.compile(
    r"(?:(?<![^\s(\[=<>≤≥])(?P<sign>[-–])[$€£¥]?)?(?<![\w.])"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
    rf"|\b(?P<word>{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))})\b"
    r"|(?P<other>\d+)"
)


def plain(text: str) -> str:
    """``text`` with compatible signs as one (wide letters, ligatures), and exponents as ``^2``.

    Unicode's own form would make 102 of 10², 11/2 of 1½ and 1012 of 101₂.
    """
    text = _SUPERSCRIPT.sub(lambda found: "^" + found[0].lstrip("⁺"), text)
    text = _BEFORE_SUBSCRIPT.sub("_", _BEFORE_FRACTION.sub(" ", text))
    return unicodedata.normalize("NFKC", text).replace("−", "-").replace("⁄", "/")


def quantity_of(text: str) -> tuple[str, str] | None:
    """The number that ``text`` is, in one spelling, and its unit, which may be empty.

    ``$1,200.0`` is ``1200`` and ``$``, ``5 million`` is ``5000000``, ``10²`` is ``100``. None where
    it is none: a sentence, or digits in groups that are not of three.
    """
    cleaned = " ".join(plain(text).split())
    found = _QUANTITY.fullmatch(cleaned.lstrip(' *`"').rstrip(' *`".'))
    if found is None:
        return None
    value = _value_of(found)
    units = [_unit(found[part]) for part in ("before", "inner", "after") if found[part]]
    if value is None or any(_PART.fullmatch(unit) for unit in units):
        return None
    per = f"/{_unit(found['per'])}" if found["per"] else ""
    return f"{value:f}", " ".join(dict.fromkeys(units)) + per


def _value_of(found: re.Match[str]) -> Decimal | None:
    # Exact, or none: rounded, two long numbers could be one.
    exact = Context(prec=len(found.string) + 80, traps=[InvalidOperation, Inexact])
    try:
        value = Decimal(re.sub(r"[,_' ]", "", found["digits"]))
        if not value.is_finite() or abs(value.adjusted()) > 60:
            return None
        if found["power"]:
            value = _power(value, int(found["power"]), exact)
        for name in (found["scale"] or "").casefold().split():
            value = exact.multiply(value, _SCALES[name.removesuffix("s")])
        value = exact.normalize(value)
    except DecimalException:
        return None
    if not value.is_finite() or abs(value.adjusted()) > 60:
        return None
    return value.copy_negate() if value and found["sign"] == "-" else value.copy_abs()


def _power(value: Decimal, exponent: int, exact: Context) -> Decimal:
    product = Decimal(1)
    for _ in range(abs(exponent)):
        product = exact.multiply(product, value)
    return product if exponent >= 0 else exact.divide(Decimal(1), product)


def _unit(name: str) -> str:
    """One spelling of a unit: small letters, one of it, and the sign of a currency."""
    mega = name.startswith("M") and _MILLI_OR_MEGA.fullmatch(name)
    name = name.casefold().replace(".", "").replace(" $", "$")
    name = re.sub(r"\^?([23])\Z", lambda found: "²³"[int(found[1]) - 2], name)
    if len(name) > 3 and not name.endswith(("ss", "us", "is")):
        name = re.sub(r"(?<=..)ies\Z", "y", name)
        name = re.sub(r"(?<=x|s)es\Z|(?<=ch|sh)es\Z|s\Z", "", name)
    return f"M{name[1:]}" if mega else _SAME_UNIT.get(name, name)


def number_of(text: str) -> str | None:
    """The number that ``text`` is, in one spelling (``$1,200.0`` is ``1200``); None if it is none.

    A currency, one word of a unit and what it is per are seen through; a percentage stays one.
    """
    found = quantity_of(text)
    if found is None:
        return None
    number, unit = found
    return f"{number}%" if unit.startswith("%") else number


def same_numbers(one: str, other: str) -> bool:
    """Whether two sentences have the same numbers in the same order, in digits or (English) words.

    A "one" or a "first" that only one of them has may be no number: one of them, first of all.
    """
    left, right = list(_numbers_in(one)), list(_numbers_in(other))
    if len(left) != len(right):
        left = [number for number in left if number[1] not in _OFTEN_NO_NUMBER]
        right = [number for number in right if number[1] not in _OFTEN_NO_NUMBER]
    return [value for value, _ in left] == [value for value, _ in right]


def _numbers_in(text: str) -> Iterator[tuple[Decimal, str]]:
    """The value of each, and the word it is, if it is one."""
    last: tuple[Decimal, str] | None = None
    end = 0
    for found in _IN_SENTENCE.finditer(text):
        word = found["word"] or ""
        value = _NUMBER_WORDS.get(word, Decimal(0))
        if not word:
            value = Decimal((found["digits"] or found["other"]).replace(",", ""))
            value = value.copy_negate() if found["sign"] else value
        joined = last is not None and text[end : found.start()] in (" ", "-")
        if last is not None and joined and word.removesuffix("s") in _SCALE_NAMES:
            last = (last[0] * value, "")  # 5 million, three hundred
        elif last is not None and joined and last[1] in _WHOLE_TENS and word and 0 < value < 10:
            last = (last[0] + value, "")  # twenty-one
        else:
            if last is not None:
                yield last
            last = (value, word)
        end = found.end()
    if last is not None:
        yield last
