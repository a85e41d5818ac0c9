"""What rules find, and what they leave alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentlab.errors import ConfigError
from agentlab.reasoning import (
    any_of,
    forbidden_words,
    matches,
    max_words,
    personal_data,
    required_words,
)
from agentlab.reasoning.personal_data import KINDS, find_personal_data
from agentlab.reasoning.rules import check_rules, problems_of


def check(*rules: Any, text: str) -> list[str]:
    """What ``rules`` find, none of which asks a model."""
    program = problems_of(rules, text)
    with pytest.raises(StopIteration) as ended:
        next(program)
    found: list[str] = ended.value.value
    return found


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to ada.wren+x@gull-rock.example.org", ["email"]),
        ("call +44 20 7946 0958 today", ["phone"]),
        ("call (030) 123 45 67", ["phone"]),
        ("card 4111 1111 1111 1111", ["card"]),
        ("IBAN GB82 WEST 1234 5698 7654 32 PLEASE", ["iban"]),
        ("from 192.0.2.44 and 2001:db8::8", ["ip"]),
        ("SSN 123-45-6789", ["ssn"]),
        ("4111 1111 1111 1111 12/27", ["card"]),
        ("4111-1111-1111-1111-123", ["card"]),
        ("4111 1111 1111 1111 123", ["card"]),
        ("call 0612345678 or 06.12.34.56.78", ["phone"]),
        ("0612345678", ["phone"]),
        ("+33 612 345 678", ["phone"]),
        ("555-123-4567", ["phone"]),
        ("1 800 555 0199", ["phone"]),
        ("gb82 west 1234 5698 7654 32 please", ["iban"]),
        ("TR33 0006 1005 1978 6457 8413 26 hesabı", ["iban"]),
        ("+49‑30‑1234567 or 030–1234567", ["phone"]),
        ("4111‑1111‑1111‑1111", ["card"]),
        ("4111\u00a01111\u202f1111\u20091111", ["card"]),
        ("4111.1111.1111.1111", ["card"]),
        ("[7,4111111111111111]", ["card"]),
        ("123‑45‑6789", ["ssn"]),
        ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", ["iban"]),
        ("DE89-3704-0044-0532-0130-00", ["iban"]),
        ("a＠b.de", ["email"]),
        ("ad\u00ada@b.de.", ["email"]),
        ("info@163.com", ["email"]),
        ("１９２.0.2.44 or ::ffff:192.0.2.44", ["ip"]),
        ("[2001:db8::1]:80", ["ip"]),
        ("from fe80::1%eth0", ["ip"]),
        ("202 555.0173", ["phone"]),
        ("call 612 345 678 or 555-1234", ["phone"]),
        ("Room ab12 and my iban is GB82 WEST 1234 5698 7654 32", ["iban"]),
    ],
)
def test_personal_data_is_found(text: str, kinds: list[str]) -> None:
    assert set(kinds) <= set(find_personal_data(text, KINDS))
    assert check(personal_data(kinds[0]), text=text) == [f"it has personal data ({kinds[0]})"]


@pytest.mark.parametrize(
    "text",
    [
        "The year 1984 had 366 days, and 1,234,567 people came.",
        "order 4111111111111112 has the wrong check digits",
        "It was on 2026-11-25 or 25.11.2026.",
        "GB82 WEST 1234 5698 7654 33 is no account",
        "version 1.2.3 of localhost 127.0.0.1",
        "at 12:30:45 the ratio was 3:2",
        "user @home and a.b",
        "the war (1939-1945), then 2019 - 2023",
        "on 2024-05-12 10:30, or 01.02.2024 - 03.02.2024",
        "1 000 000 people and 12 345 678 euros, 500 000 000 more, or 1.000.000",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2 and 9783161484100",
        "version 1.2.3.4 and firmware v10.2.3.4",
        "Pi is 3.14159265.\n2. It costs 12.50 - 13.50 EUR",
        "1.234.567,89 EUR or 123.456.789,00, $1 234 567",
        "about 10000-20000 people, or 10 000–20 000, or 512-1024 words",
        "open 01.01.2024-31.12.2024 and 2024-01-05/2024-01-08",
        "149 597 870 km at 299 792 458 m/s",
        "at 51.5074 -0.1278 or 51.5074, -0.1278",
        "lodash@4.17.21, pip install foo@1.2.3, react@18.x, 10@2.50",
        "Use s[::2], or s[2000::2], of cafe::babe",
        "Section 1.2.3.4 and § 1.2.3.4",
        "0000 0000 0000 0000 and 0.1000000000000008",
        "TR33 0006 1005 1978 6457 8413 27 ıİſK, ıı33 0006 1005 1978 6457",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    found = find_personal_data(text, ("email", "card", "iban", "ip", "ssn"))
    assert found == []
    if "GB82" not in text:
        assert find_personal_data(text, ("phone",)) == []


@given(st.text(alphabet="0123456789 -+().:/@abcDEFıſK–\u00a0²[,$", max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    find_personal_data(text, KINDS)


@pytest.mark.parametrize("part", ["1", "1 234 ", "1.25 ", "1.", "a@1.", "1-", "1000 - "])
def test_long_runs_take_no_time(part: str) -> None:
    begun = time.process_time()
    find_personal_data("€" + part * (20_000 // len(part)), KINDS)
    assert time.process_time() - begun < 2


def test_own_patterns_and_unknown_kinds() -> None:
    rule = personal_data("email", patterns={"staff number": r"E\d{5}"})
    assert check(rule, text="E12345") == ["it has personal data (staff number)"]
    with pytest.raises(ConfigError, match="no kind of personal data 'mail'"):
        personal_data("mail")
    with pytest.raises(ConfigError, match=r"is a text, not \['email'\]"):
        personal_data(["email"])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="does not compile"):
        personal_data(patterns={"x": "("})


def test_forbidden_words(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# none of these\nDamn\n\nbloody hell  # two words\n")
    rule = forbidden_words(words)
    assert check(rule, text="DAMN it, bloody hell!") == [
        "it has the forbidden word 'damn'",
        "it has the forbidden word 'bloody hell'",
    ]
    assert check(rule, text="a bloody\n  hell") == ["it has the forbidden word 'bloody hell'"]
    for spelled in ("d-a-m-n", "so d a m n it", "d.a.m.n!", "d_a_m_n", "so D * A * M * N"):
        assert check(rule, text=spelled) == ["it has the forbidden word 'damn'"]
    assert check(rule, text="d-a-m, and d a-m n") == []
    words.write_text("C#  # not C\n#other\n")
    assert check(forbidden_words(words), text="It is in c#.") != []
    assert check(forbidden_words(words), text="It is in C, other than this.") == []
    assert check(rule, text="a damnable dam") == []
    assert check(forbidden_words(["damn"], parts=True), text="a damnable dam") != []
    assert check(rule, text="Ｄａ\u200bmn") != []
    for wrong in ([], "damn", 5, [5], tmp_path / "none.txt"):
        with pytest.raises(ConfigError):
            forbidden_words(wrong)  # type: ignore[arg-type]


def test_other_rules_and_putting_them_together() -> None:
    assert check(required_words("Maple"), text="a maple leaf") == []
    assert check(required_words("Maple"), text="a leaf") == ["it lacks 'Maple'"]
    assert check(max_words(2), text="one two three") == ["it has 3 words, and 2 are allowed"]
    assert check(matches("[a-z]+", "one word"), text="two words") == ["it is not one word"]
    either = any_of(matches("yes"), matches("no"))
    assert check(either, text="no") == []
    assert check(either, max_words(2), text="may be")[0].startswith("none of these holds")
    assert check(lambda text: ["own", "rules"], text="x") == ["own", "rules"]
    assert check(required_words("ice cream"), text="ice\ncream") == []
    with pytest.raises(ConfigError):
        any_of()
    with pytest.raises(ConfigError, match="a required word is a text"):
        required_words(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("rules", [[max_words], max_words(3), "no", None, ["no"]])
def test_what_is_no_rule_is_told_when_it_is_given(rules: Any) -> None:
    with pytest.raises(ConfigError, match="rule"):
        check_rules(rules)
    with pytest.raises(ConfigError, match="rule"):
        any_of(max_words)


@pytest.mark.parametrize("found", [True, False, 5, {"a": 1}])
def test_a_rule_returns_what_is_wrong(found: Any) -> None:
    with pytest.raises(ConfigError, match="a rule returns what is wrong"):
        next(problems_of([lambda text: found], "x"))


@pytest.mark.parametrize("most", ["3", True, -1, 2.5])
def test_words_are_counted_in_whole_numbers(most: Any) -> None:
    with pytest.raises(ConfigError, match="whole number of words"):
        max_words(most)
