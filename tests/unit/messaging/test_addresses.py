"""Parsing of phone numbers and mail addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.addresses import InvalidEmail, InvalidPhone, mask_email, parse_email, parse_phone


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+12025550123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("202.555.0123", "+12025550123"),
        ("2025550123", "+12025550123"),
        ("1 202 555 0123", "+12025550123"),
        ("  +1 202 555 0123  ", "+12025550123"),
        (" " * 1_000 + "+1 202 555 0123\n", "+12025550123"),
        ("tel:+1-202-555-0123", "+12025550123"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("٢٠٢٥٥٥٠١٢٣", "+12025550123"),
        ("\uff0b1２０２５５５０１２３", "+12025550123"),
    ],
)
def test_usual_forms_are_parsed_to_e164(text: str, number: str) -> None:
    assert parse_phone(text) == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a phone number"),
        ("   ", "is not a phone number"),
        ("+", "is not a phone number"),
        ("abc", "is not a phone number"),
        ("\x00", "is not a phone number"),
        ("pastor@example.org", "is not a phone number"),
        ("+999 123 456 789", "is not a phone number"),
        ("2025550123" * 40, "is not a phone number"),
        ("202" + " " * 50 + "5550123", "is not a phone number"),
        ("202555" + "~" * 240 + "0123", "is not a phone number"),
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
def test_an_invalid_phone_number_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(InvalidPhone, match=message):
        parse_phone(text)


@pytest.mark.parametrize("text", ["911", "202-555-0123 x5", "+1 000 555 0123"])
def test_the_error_does_not_contain_the_number(text: str) -> None:
    with pytest.raises(InvalidPhone) as refused:
        parse_phone(text)
    assert text not in str(refused.value)


@given(st.text(max_size=40) | st.text("+0123456789().- x/;ext=tel:\x00", max_size=40))
def test_any_text_is_parsed_to_e164_or_refused(text: str) -> None:
    try:
        number = parse_phone(text)
    except InvalidPhone:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert parse_phone(number) == number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ruth@example.org", "ruth@example.org"),
        ("  Ruth.Bell+News@Example.ORG ", "ruth.bell+news@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ruth@Bücher.example", "ruth@xn--bcher-kva.example"),
    ],
)
def test_mail_addresses_are_parsed_to_lower_case_and_ascii(text: str, address: str) -> None:
    assert parse_email(text) == address
    assert parse_email(address) == address


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ruth",
            "@example.org",
            "ruth@",
            "ruth@localhost",
            "a b@example.org",
            "a@b@example.org",
            "a@example..org",
        ),
        *("ruth@example.org\nBcc: x@example.org", "Ruth <ruth@example.org>", "a@[127.0.0.1]", "grüße@example.org"),
        *("=?utf-8?q?a=0D=0Ab?=@example.org", "x=?utf-8?q?a=00b?=@example.org", "=?utf-8?q?a?=@example.org"),
        *("a" + "\u0301" * 1_000 + "\u0323" * 1_000 + "@example.org", "a" * 1_000_000 + "@example.org"),
        *("x" * 65 + "@example.org", "a@" + "x" * 250 + ".org", "a\0@example.org", "a@exa mple.org"),
    ],
)
def test_an_invalid_mail_address_is_refused_and_not_repeated_in_the_error(text: str) -> None:
    with pytest.raises(InvalidEmail) as refused:
        parse_email(text)

    assert str(refused.value) == "is not an e-mail address that mail can be sent to"


@given(st.text())
def test_any_text_is_parsed_to_a_mail_address_or_refused(text: str) -> None:
    try:
        address = parse_email(text)
    except InvalidEmail:
        return
    assert address.isascii()
    assert parse_email(address) == address


def test_a_masked_address_shows_the_first_letter_and_the_domain() -> None:
    assert mask_email("ruth.bell@example.org") == "r***@example.org"
