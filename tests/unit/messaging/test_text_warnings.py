"""Warnings about texts, and the cheaper text that is offered."""

from __future__ import annotations

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from messaging.cheaper_text import REPLACEMENTS, cheaper_text, costly_characters, uses_ucs2
from messaging.link_shorteners import public_shorteners
from messaging.segments import count_segments
from messaging.text_warnings import TextWarning, text_warnings

LONG = "Service moves to 10:30 this Sunday. Bring a dish to share, and a friend. See you"
"""So long that it fits in one segment of GSM 7-bit, and not in one of UCS-2."""
FINE = "Grace Community: service moves to 10:30 this Sunday. Reply STOP to opt out."
CHURCH = "Grace Community Church"
TEXTS = st.text(max_size=400) | st.lists(
    st.sampled_from(
        [
            *REPLACEMENTS,
            "😀",
            "👨‍👩‍👧",
            "🇺🇸",
            "1️⃣",
            "é",
            "ą",
            "ñ",
            "한",
            " ",
            "\n",
            "https://a.org/é ",
            LONG,
            "{{name|é}}",
        ]
    ),
    max_size=30,
).map("".join)


def found(text: str, *, church: str = CHURCH) -> dict[str, TextWarning]:
    warnings = text_warnings(text, church_name=church, count_segments=count_segments)
    return {warning.code: warning for warning in warnings}


def test_a_good_text_has_no_warnings() -> None:
    assert found(FINE) == {}


@pytest.mark.parametrize(
    ("costly", "cheaper"),
    [
        ("we\u2019ll", "we'll"),
        ("\u201cCome\u201d", '"Come"'),
        ("9\u201311", "9-11"),
        ("Sunday \u2014 or Monday", "Sunday - or Monday"),
        ("wait\u2026", "wait..."),
        ("10\u00a0am", "10 am"),
        ("zero\u200bwidth", "zerowidth"),
        ("\u2022 cake", "* cake"),
        ("S\u00e3o Jo\u00e3o", "Sao Joao"),
        ("\u0141\u00f3d\u017a", "Lodz"),
        ("fian\u00e7ailles", "fiancailles"),
        ("\ufb01sh", "fish"),
        ("\u00bd hour", "1/2 hour"),
        ("Amen \U0001f64f now", "Amen now"),
        ("\U0001f64f Amen", "Amen"),
        ("Amen\U0001f64f", "Amen"),
        ("Amen \U0001f64f\U0001f3fd.", "Amen."),
        ("Coffee \u2615\ufe0f!", "Coffee!"),
        ("Family \U0001f468\u200d\U0001f469\u200d\U0001f467 day", "Family day"),
        ("1\ufe0f\u20e3 first", "1 first"),
        ("72\u00b0F", "72F"),
        ("caf\u00e9 \u2019", "caf\u00e9 '"),  # é is in GSM 7-bit
        ("\u20ac5 \u2019", "\u20ac5 '"),  # so is the euro sign
        ("see https://a.org/\u00e3 \u2019", None),  # a URL stays, and with it the price
        ("\uc548\ub155", None),  # letters of another script stay
        ("\u041f\u0440\u0438\u0432\u0435\u0442 \u2019", None),
    ],
)
def test_the_cheaper_text(costly: str, cheaper: str | None) -> None:
    warning = found(f"{LONG} {costly}").get("costly-characters")

    assert (warning and warning.suggestion) == (cheaper and f"{LONG} {cheaper}")


@pytest.mark.parametrize("text", ["Amen \u2019", "\u2019" + LONG * 4, "\U0001f64f", ""])
def test_a_text_that_would_cost_the_same_has_no_cheaper_one(text: str) -> None:
    cheaper = found(text).get("costly-characters")

    assert cheaper is None or count_segments(cheaper.suggestion or "") < count_segments(text)
    assert (cheaper is None) == (len(text) < 70)


def test_the_message_names_the_characters_and_the_segments() -> None:
    warning = found(f"{LONG} \u2019 \U0001f64f")["costly-characters"]

    assert warning.message.endswith("2 segments instead of 1 segment: \u2019 \U0001f64f")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("https://bit.ly/3xYz", ["bit.ly"]),
        ("See bit.ly/3xYz, or HTTP://WWW.TinyURL.com/x", ["bit.ly", "tinyurl.com"]),
        ("bit.ly/a bit.ly/b", ["bit.ly"]),
        ("https://habit.ly/x", []),
        ("https://bit.ly.example.org/x", []),
        ("https://grace.example/bit.ly/x", []),
        ("ruth@bit.ly/", []),
        ("bit.ly is a shortener", []),
    ],
)
def test_public_shorteners(text: str, hosts: list[str]) -> None:
    assert public_shorteners(text) == hosts
    assert ("public-shortener" in found(text)) == bool(hosts)


@pytest.mark.parametrize(
    ("text", "church", "says_who"),
    [
        ("Grace Community Church: supper", CHURCH, True),
        ("Supper at GRACE tonight", CHURCH, True),
        ("GCC supper tonight", CHURCH, True),
        ("Supper tonight", CHURCH, False),
        ("Our community church has supper", CHURCH, False),
        ("Disgraceful", CHURCH, False),
        ("First Baptist supper", "First Baptist Church", True),
        ("Supper", "First Baptist Church", False),
        ("Iglesia Esperanza: cena", "Iglesia Esperanza", True),
        ("Supper", "", True),
        ("Supper", "!!!", True),
        ("St. Mark's supper", "St. Mark's", True),
    ],
)
def test_the_name_of_the_church(text: str, church: str, says_who: bool) -> None:
    assert ("no-church-name" not in found(text, church=church)) == says_who


@pytest.mark.parametrize(
    ("text", "says_how"),
    [
        ("Reply STOP to opt out", True),
        ("reply stop to end", True),
        ("Text 'stop' to 12345", True),
        ("STOP=end", True),
        ("To opt-out, call us", True),
        ("unsubscribe: https://a.org", True),
        ("Do not stop praying", False),
        ("Stop by for coffee", False),
        ("nonstop", False),
        ("", False),
    ],
)
def test_the_way_to_opt_out(text: str, says_how: bool) -> None:
    assert ("no-opt-out" not in found(text)) == says_how


@pytest.mark.parametrize(
    ("text", "shouts"),
    [
        ("SERVICE IS CANCELED THIS SUNDAY BECAUSE OF SNOW", True),
        ("SERVICE IS CANCELED this Sunday BECAUSE OF SNOW AND ICE", True),
        ("Service is canceled this Sunday", False),
        ("AMEN", False),
        ("See HTTPS://GRACE.EXAMPLE.ORG/SUPPER-ON-SUNDAY now", False),
        ("{{NOT A FIELD}}{{firstName}}", False),
        ("1234567890 1234567890 1234567890", False),
    ],
)
def test_capitals(text: str, shouts: bool) -> None:
    assert ("all-caps" in found(text)) == shouts


def test_the_name_may_come_from_a_merge_field() -> None:
    warnings = text_warnings("{{church}}: hi STOP", church_name=CHURCH, count_segments=len, sample="Grace: hi STOP")

    assert [warning.code for warning in warnings] == []


@given(TEXTS)
def test_what_is_suggested_never_costs_more_and_nothing_raises(text: str) -> None:
    for warning in found(text).values():
        assert warning.message
        if warning.suggestion is not None:
            assert count_segments(warning.suggestion) < count_segments(text)


@given(TEXTS)
def test_a_cheaper_text_has_no_cheaper_one_with_fewer_costly_characters(text: str) -> None:
    cheaper = cheaper_text(text, count_segments=count_segments)
    if cheaper is not None:
        assert set(costly_characters(cheaper)) <= set(costly_characters(text))
        assert "\ufffd" not in cheaper or "\ufffd" in text


@given(st.characters(exclude_categories=["Cs"]))
def test_the_alphabet_is_that_of_the_segments(character: str) -> None:
    assert uses_ucs2(character) == (not smsutil.is_valid_gsm(character))  # pyright: ignore


def test_every_replacement_is_in_the_cheap_alphabet() -> None:
    assert [cheap for cheap in REPLACEMENTS.values() if uses_ucs2(cheap)] == []
