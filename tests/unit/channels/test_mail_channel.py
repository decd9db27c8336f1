"""The rules of a mail: subject, content, and when mail is available."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.mail.channel import MAX_CHARACTERS, MailChannel
from channels.mail.composing import Composer
from channels.mail.headers import header_error
from tests.harness.mails import envelope, mail_settings

CHANNEL = MailChannel()


@pytest.mark.parametrize("subject", ["Hi", "x" * 200, "Grüße 🥧", "שבת שלום", " padded ", "What=?", "=?=", "a=?b?c?="])
def test_a_valid_subject_has_no_error(subject: str) -> None:
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
        "=?utf-8?q?a=0D=0ABcc:_x@example.org?=",
        "=?utf-8?Q?a=0AB?=",
        "=?utf-8?b?YQ0KQg==?=",
        "Sunday =?us-ascii?q?=00?= at 10",
        "=?utf-8*en?q?a=E2=80=A8b?=",
        "=?utf-7?q?+AAo-?=",
        "=?raw_unicode_escape?q?=5Cu000a?=",
        "=?punycode?q?a?=",
        "=?utf-8?q?" + "a" * 100 + "?=",
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    ],
)
def test_an_invalid_subject_is_refused(subject: Any) -> None:
    assert list(CHANNEL.check_details({"subject": subject})) == ["subject"]


_PIECES = [
    "=?",
    "utf-8",
    "?q?",
    "?B?",
    "?x?",
    "?=",
    "=0A",
    "=",
    "?",
    "a",
    " ",
    "\u00fc",
    "\U0001f967",
    "\u2028",
    "\n",
    "\0",
    '"',
    "(",
    "<",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=20).map("".join) | st.text(max_size=60))
def test_an_accepted_subject_arrives_unchanged(subject: str) -> None:
    """It fails for no recipient, and decoding it gives nothing that was not written."""
    if CHANNEL.check_details({"subject": subject}):
        return

    raw = Composer(mail_settings()).compose(envelope(subject=subject)).raw
    arrived = message_from_bytes(raw, policy=SMTP)["Subject"]

    assert "".join(str(arrived).split()) == "".join(subject.split())
    assert header_error(str(arrived)) is None


def test_a_missing_subject_is_refused() -> None:
    assert CHANNEL.check_details({}) == {"subject": "is required for mail"}


def test_blank_or_too_long_content_is_refused() -> None:
    assert CHANNEL.check_content("x" * MAX_CHARACTERS) is None
    assert CHANNEL.check_content(" \n") is not None
    assert CHANNEL.check_content("x" * (MAX_CHARACTERS + 1)) is not None


def test_mail_is_unavailable_without_smtp_url_or_when_it_is_switched_off() -> None:
    assert CHANNEL.unavailable_reason(mail_settings()) is None
    assert "SMTP_URL" in (CHANNEL.unavailable_reason(mail_settings(smtp_url=None)) or "")
    assert "MAIL_ENABLED" in (CHANNEL.unavailable_reason(mail_settings(mail_enabled=False)) or "")
