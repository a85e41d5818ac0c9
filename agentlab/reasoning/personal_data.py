"""Patterns of personal data, with check digits where there are some."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(r"(?<![\w.+])(?:\+|00)?\(?\d[\d\s().\-/]{5,18}\d(?!\w)")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)")
_IP = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)|(?<![\w:])[0-9a-fA-F:]{2,39}(?![\w:])"
)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}")


def find_personal_data(text: str, kinds: Iterable[str]) -> list[str]:
    """Which of ``kinds`` are in ``text``."""
    return [kind for kind in kinds if KINDS[kind](text)]


def _email(text: str) -> bool:
    return _EMAIL.search(text) is not None


def _phone(text: str) -> bool:
    """7 to 15 digits (E.164's most), written in groups or with a sign of a country."""
    for match in _PHONE.finditer(text):
        written = match.group()
        digits = sum(character.isdigit() for character in written)
        grouped = written.startswith(("+", "00")) or re.search(r"\d[\s().\-/]+\d", written)
        if grouped and 7 <= digits <= 15 and not _DATE.fullmatch(written.strip()):
            return True
    return False


def _card(text: str) -> bool:
    return any(_luhn(re.sub(r"\D", "", m.group())) for m in _CARD.finditer(text))


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban(text: str) -> bool:
    """ISO 13616: the remainder by 97 of the digits, letters from 10 on, is 1."""
    for match in _IBAN.finditer(text):
        groups = match.group().split(" ")
        for end in range(len(groups), 0, -1):  # words in capitals may follow
            code = "".join(groups[:end])
            if 15 <= len(code) <= 34:
                moved = code[4:] + code[:4]
                if int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1:
                    return True
    return False


def _ip(text: str) -> bool:
    for match in _IP.finditer(text):
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if not (address.is_loopback or address.is_unspecified):
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
