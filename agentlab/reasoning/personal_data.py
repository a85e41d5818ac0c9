"""Patterns of personal data, with check digits where there are some."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

# The last label is a word, of one letter after another word only: a@1.2.3 and a@18.x are versions.
_EMAIL = re.compile(
    r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.)+(?:[^\W\d_][\w-]{1,62}|(?<=[^\W\d_]\.)[^\W\d_])(?!\w)"
)
_PHONE = re.compile(r"(?<![\w.+])(?:\+|00)?\(?\d[\d\s().\-/]{5,18}\d(?!\w)")
# Not behind the point of a decimal; points between groups are two at least.
_DIGIT_RUN = re.compile(
    r"(?<!\d)(?<!\d\.)\d(?:[ -]?\d){12,40}(?!\d)|(?<![\d.])\d{4}(?:\.\d{2,6}){2,4}(?!\.?\d)"
)
_IBAN = re.compile(
    r"(?<!\w)[A-Za-z]{2}[0-9]{2}"
    r"(?:(?: ?[A-Za-z0-9]){11,30}|(?:-[A-Za-z0-9]{4}){2,7}(?:-[A-Za-z0-9]{1,3})?)(?!\w)"
)
_IP = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|(?<![\w:])[0-9a-fA-F:]{2,39}(?![\w:]|\.\d)"
)
_IBAN_DIGITS = 10  # at least: words after two digits are none
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_NUMBERED = re.compile(
    r"(?:\b(?:v|ver|version|release|build|firmware|sect?|sections?|chapters?|clauses?|articles?|art"
    r"|annex|appendix|paragraphs?|figures?|fig|tables?|steps?|rules?|Abschnitt|Kapitel)|§)\.?\s*\Z",
    re.IGNORECASE,
)
_SLICE = re.compile(r"[\w\])]\[\Z")  # s[2000::2]
# The networks of IPv6 that hosts are in: of others such as cafe:: it is rather a name in a program.
_IPV6 = [ipaddress.IPv6Network(net) for net in ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8")]
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:1\d|20)\d\d"
_ALONE, _ENDED = r"(?<![\d+])(?<!\d[-./ ,'])", r"(?![-./ ,']?\d)"
_DATE = rf"(?:{_YEAR}[-./]{_DAY}[-./]{_DAY}|{_DAY}[-./]{_DAY}[-./](?:{_YEAR}|\d\d))"
_DECIMAL = r"(?:0|[1-9]\d*)\.\d+"
_AMOUNT = r"[1-9](?:\d{0,2}(?:[ .,']\d{3})+|\d*)(?:[.,]\d{1,2})?"
_ROUND = r"[1-9](?:\d{0,2}(?:[ .,']\d{3})*[ .,']\d00|\d+00)"
_MONEY = r"(?:[$€£¥]|\b(?:EUR|USD|GBP|CHF|JPY|euros?|dollars?|pounds?|yen)\b)"
_UNIT = (
    rf"(?:{_MONEY}|[%°]|(?:[kcdmµn]?m|mi|miles?|(?:kilo)?(?:met(?:er|re)s?|grams?)|[kmµ]?g|tons?"
    r"|tonnes?|ha|hectares?|lit(?:er|re)s?|people|persons?|inhabitants|users?|years?|days?|hours?"
    r"|minutes?|seconds?|words?|tokens?|times|[kmgt]i?b|bytes?|[kmg]?hz|[kmg]w|light[- ]years?)"
    r"(?![\w:]))"
)
# Digits in groups that are something else than a telephone number.
_OTHER = re.compile(
    "|".join(
        (
            # dates, and from one to another
            rf"(?<!\d)(?<!\d[-./]){_DATE}(?:\s*[-/]\s*{_DATE})?(?![-./]?\d)",
            r"(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)",  # times
            rf"{_ALONE}{_YEAR}\s*[-/]\s*{_YEAR}{_ENDED}",  # years
            rf"{_ALONE}[1-9]\d?(?P<gap>[ .,'])\d{{3}}(?:(?P=gap)\d{{3}})+{_ENDED}",  # 1 000 000
            rf"{_ALONE}[1-9]\d\d(?P<gap2>[ .,'])\d{{3}}(?:(?P=gap2)\d{{3}})*(?P=gap2)000{_ENDED}",
            rf"{_ALONE}[1-9]\d{{0,2}}(?P<gap3>[ .,'])\d{{3}}(?:(?P=gap3)\d{{3}})*[.,]\d\d?{_ENDED}",
            rf"{_ALONE}{_AMOUNT}(?: ?- ?{_AMOUNT})? ?{_UNIT}",  # 149 597 870 km
            rf"{_MONEY} ?{_AMOUNT}(?: ?- ?{_AMOUNT})?{_ENDED}",
            rf"{_ALONE}(?P<low>{_ROUND}) ?- ?(?P<high>{_ROUND}){_ENDED}",
            # decimals, none of whose neighbours is a group of digits
            rf"(?<![\w+.,)])(?<!\d[ ./-])(?<!\) ){_DECIMAL}(?:(?: ?[-/] ?| -?){_DECIMAL})*"
            r"(?!\w|\.\d| ?[-/(]? ?\d)",
            r"\bISBN(?:-1[03])?:?\s*[\d -]{9,17}[\dX]",
            r"(?<!\d)97[89][- ]\d{1,5}[- ]\d{1,7}[- ]\d{1,6}[- ]\d(?!\d)",
            r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)",  # addresses and versions
        )
    ),
    re.IGNORECASE,
)
_WHOLE_PHONE = re.compile(r"(?<![\w.+-])0[1-9]\d{7,9}(?![\w-])")


_RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_SAME = {"Pd": "-", "Zs": " ", "Cf": ""}


def find_personal_data(text: str, kinds: Iterable[str]) -> list[str]:
    """Which of ``kinds`` are in ``text``, in whatever dashes, spaces and width it is written."""
    plain = _plain(text)
    return [kind for kind in kinds if KINDS[kind](plain)]


def _plain(text: str) -> str:
    """``text`` with one kind of dash, of space and of letter, and without hidden signs."""
    if text.isascii():
        return text
    # A digit that is raised is no further one of the number: 10⁶, or a note.
    text = unicodedata.normalize("NFKC", _RAISED.sub(" ", text))
    return "".join(_SAME.get(unicodedata.category(sign), sign) for sign in text.replace("−", "-"))


def _email(text: str) -> bool:
    return _EMAIL.search(text) is not None


def _phone(text: str) -> bool:
    """7 to 15 digits (E.164's most), in groups or with a sign of a country; or 9 to 11 after a 0.

    Dates, times, years, amounts, ISBNs and addresses of the internet are no telephone numbers.
    """
    rest = _OTHER.sub(_masked, text)
    for match in _PHONE.finditer(rest):
        written = match.group()
        digits = sum(character.isdigit() for character in written)
        grouped = written.startswith(("+", "00")) or re.search(r"\d[\s().\-/]+\d", written)
        if grouped and 7 <= digits <= 15:
            return True
    return _WHOLE_PHONE.search(rest) is not None


def _masked(found: re.Match[str]) -> str:
    if found["low"]:
        low, high = (int(re.sub(r"\D", "", found[name])) for name in ("low", "high"))
        if not 1000 <= low < high:
            return found[0]  # rather groups of one number
    return "x" * len(found[0])


def _card(text: str) -> bool:
    """13 to 19 digits with their check digit, also where others follow: a date, or a code."""
    for match in _DIGIT_RUN.finditer(text):
        if any(_is_card(digits) for digits in _cards_in(re.findall(r"\d+", match.group()))):
            return True
    return False


def _cards_in(groups: list[str]) -> Iterator[str]:
    """All digits together, and those of groups in a row, none of which is a day or a month."""
    yield "".join(groups)
    for begin in range(len(groups)):
        digits = ""
        for group in groups[begin:]:
            digits += group
            if len(group) < 3 or len(digits) > 19:
                break
            yield digits


def _is_card(digits: str) -> bool:
    # No issuer has numbers that begin with 0.
    known = 13 <= len(digits) <= 19 and int(digits[0]) and not _is_isbn(digits)
    return bool(known) and _luhn(digits)


def _is_isbn(digits: str) -> bool:
    if len(digits) != 13 or not digits.startswith(("978", "979")):
        return False
    return sum(int(d) * (3 if n % 2 else 1) for n, d in enumerate(digits)) % 10 == 0


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban(text: str) -> bool:
    """ISO 13616: the remainder by 97 of the digits, letters from 10 on, is 1."""
    start = 0
    while (match := _IBAN.search(text, start)) is not None:
        start = match.start() + 1  # what is none may have run into one
        groups = re.split("[ -]", match.group())
        for end in range(len(groups), 0, -1):  # words may follow
            code = "".join(groups[:end])
            if 15 <= len(code) <= 34 and sum(sign.isdigit() for sign in code) >= _IBAN_DIGITS:
                moved = code[4:] + code[:4]
                if int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1:
                    return True
    return False


def _ip(text: str) -> bool:
    for match in _IP.finditer(text):
        before = text[max(0, match.start() - 20) : match.start()]
        if _NUMBERED.search(before) or _SLICE.search(before):
            continue
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if address.version == 6 and "::" in match.group():
            if any(address in network for network in _IPV6):
                return True
        elif not (address.is_loopback or address.is_unspecified):
            return True
    return False


def _ssn(text: str) -> bool:
    return _SSN.search(text) is not None


KINDS: dict[str, Callable[[str], bool]] = {
    "email": _email,
    "phone": _phone,
    "card": _card,
    "iban": _iban,
    "ip": _ip,
    "ssn": _ssn,
}
