"""What may be sent as a mail."""

from __future__ import annotations

from typing import Any

import pytest

from channels.mail.channel import MAX_CHARACTERS, MailChannel
from tests.harness.mails import mail_settings

CHANNEL = MailChannel()


@pytest.mark.parametrize("subject", ["Hi", "x" * 200, "Grüße 🥧", "שבת שלום", " padded "])
def test_a_good_subject(subject: str) -> None:
    assert CHANNEL.check_details({"subject": subject}) == {}


@pytest.mark.parametrize(
    "subject",
    [
        None,
        5,
        "",
        "  ",
        "x" * 201,
        "a\nBcc: b",
        "a\r\nb",
        "a\rb",
        "a\x00",
        "a\tb",
        "a\u2028b",
        "a\x85b",
        "a\x1bb",
        "\ud800",
    ],
)
def test_a_bad_subject_is_named(subject: Any) -> None:
    assert list(CHANNEL.check_details({"subject": subject})) == ["subject"]


def test_a_missing_subject_is_named() -> None:
    assert CHANNEL.check_details({}) == {"subject": "is required for mail"}


def test_content_is_neither_blank_nor_endless() -> None:
    assert CHANNEL.check_content("x" * MAX_CHARACTERS) is None
    assert CHANNEL.check_content(" \n") is not None
    assert CHANNEL.check_content("x" * (MAX_CHARACTERS + 1)) is not None


def test_mail_is_available_once_it_is_set_up_and_unless_it_is_switched_off() -> None:
    assert CHANNEL.unavailable(mail_settings()) is None
    assert "SMTP_URL" in (CHANNEL.unavailable(mail_settings(smtp_url=None)) or "")
    assert "MAIL_ENABLED" in (CHANNEL.unavailable(mail_settings(mail_enabled=False)) or "")
