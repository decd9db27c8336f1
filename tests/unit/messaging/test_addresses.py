"""Phone numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.addresses import InvalidPhone, parse_phone


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+12025550123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("202.555.0123", "+12025550123"),
        ("2025550123", "+12025550123"),
        ("1 202 555 0123", "+12025550123"),
        ("  +1 202 555 0123  ", "+12025550123"),
        ("tel:+1-202-555-0123", "+12025550123"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("٢٠٢٥٥٥٠١٢٣", "+12025550123"),
        ("\uff0b1２０２５５５０１２３", "+12025550123"),
    ],
)
def test_usual_forms_are_kept_as_e164(written: str, number: str) -> None:
    assert parse_phone(written) == number


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "is not a phone number"),
        ("   ", "is not a phone number"),
        ("+", "is not a phone number"),
        ("abc", "is not a phone number"),
        ("\x00", "is not a phone number"),
        ("pastor@example.org", "is not a phone number"),
        ("+999 123 456 789", "is not a phone number"),
        ("2025550123" * 40, "is not a phone number"),
        ("2025550123/2025550199", "is not a phone number"),
        ("911", "too few or too many digits"),
        ("202 555 012", "too few or too many digits"),
        ("+1 202 555 01234", "too few or too many digits"),
        ("0012025550123", "too few or too many digits"),
        ("02025550123", "too few or too many digits"),
        ("202-555-0123 x5", "has an extension"),
        ("+12025550123;ext=7", "has an extension"),
        ("+1 000 555 0123", "is not a number in use"),
        ("555-0123", "is not a number in use"),
    ],
)
def test_what_cannot_be_sent_to_is_refused_with_the_reason(written: str, complaint: str) -> None:
    with pytest.raises(InvalidPhone, match=complaint):
        parse_phone(written)


@pytest.mark.parametrize("written", ["911", "202-555-0123 x5", "+1 000 555 0123"])
def test_a_complaint_does_not_repeat_the_number(written: str) -> None:
    with pytest.raises(InvalidPhone) as refused:
        parse_phone(written)
    assert written not in str(refused.value)


@given(st.text(max_size=40) | st.text("+0123456789().- x/;ext=tel:\x00", max_size=40))
def test_any_text_gives_e164_or_a_refusal(written: str) -> None:
    try:
        number = parse_phone(written)
    except InvalidPhone:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert parse_phone(number) == number
