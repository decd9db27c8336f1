"""The mail of one delivery, as a mail reader reads it."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from channels.mail.composing import Composer
from channels.mail.smtp_session import Mail
from messaging.submissions import Envelope
from tests.harness.mails import envelope, mail_settings


def composed(of: Envelope, **settings: Any) -> Mail:
    return Composer(mail_settings(**settings)).compose(of)


def read(of: Envelope, **settings: Any) -> EmailMessage:
    return message_from_bytes(composed(of, **settings).raw, policy=SMTP)


def test_a_mail_has_its_headers() -> None:
    mail = read(envelope(replyTo="pastor@grace.example.org"))

    assert str(mail["From"]) == "Grace Community <office@grace.example.org>"
    assert str(mail["To"]) == "ruth@example.org"
    assert str(mail["Reply-To"]) == "pastor@grace.example.org"
    assert str(mail["Subject"]) == "This Sunday"
    assert mail["Date"].datetime.tzinfo is not None


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("Église de la Grâce, Montréal", "Bénédiction « d'hiver » — à dimanche"),
        ("恩典教會", "主日崇拜 🥧 " * 15),
        ('"Grace" <x@y>, (Inc.); @', 'a "quoted" <subject>; with (all) of it'),
        ("Grace " * 30, "word " * 39),
    ],
)
def test_names_and_subjects_arrive_unchanged(name: str, subject: str) -> None:
    raw = composed(envelope(subject=subject, name=name)).raw
    mail = message_from_bytes(raw, policy=SMTP)

    assert mail["From"].addresses[0].display_name == name.strip()
    assert mail["From"].addresses[0].addr_spec == "office@grace.example.org"
    assert str(mail["Subject"]).strip() == subject.strip()
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_all_lines_end_with_crlf() -> None:
    raw = composed(envelope(content="one\ntwo\r\nthree\rfour")).raw

    assert raw.endswith(b"\r\n")
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")


@pytest.mark.parametrize("host", ["texts.example.org", f"{'long-' * 11}name.{'sub.' * 12}example.org"])
def test_headers_that_machines_read_are_never_folded_or_encoded(host: str) -> None:
    of = envelope()
    raw = composed(of, public_url=f"https://{host}").raw
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")

    [unsubscribe] = [line for line in lines if line.lower().startswith(b"list-unsubscribe:")]
    assert unsubscribe.startswith(f"List-Unsubscribe: <https://{host}/unsubscribe/".encode())
    assert unsubscribe.endswith(b">")
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert f"Message-ID: <{of.delivery_id}@{host}>".encode() in lines


def test_every_attempt_has_the_same_message_id() -> None:
    of = envelope()

    assert read(of)["Message-ID"] == read(replace(of, attempt=2))["Message-ID"] != read(envelope())["Message-ID"]


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\u2028", "\x85"])
@pytest.mark.parametrize("where", ["subject", "name", "replyTo", "sender", "to"])
def test_no_value_can_add_a_header(where: str, break_: str) -> None:
    bad: dict[str, Any] = {where: f"office@example.org{break_}Bcc: all@example.org"}
    try:
        raw = composed(envelope(**bad)).raw
    except ValueError:
        return
    except Exception as error:  # noqa: BLE001 - the parser of addresses has errors of its own
        assert type(error).__module__.startswith("email.")
        return

    assert message_from_bytes(raw, policy=SMTP)["Bcc"] is None


def test_the_envelope_sender_is_the_bounce_address() -> None:
    own, bounced = composed(envelope()), composed(envelope(), mail_bounce_domain="bounces.example.org")

    assert own.sender == "office@grace.example.org"
    assert bounced.sender.endswith("@bounces.example.org")
    assert own.recipient == "ruth@example.org"


def test_the_plain_text_part_comes_before_the_html_part() -> None:
    """Mail readers show the last part that they can display (RFC 2046, 5.1.4)."""
    mail = read(envelope(content="Grüße"))

    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail.get_content_type() == "multipart/alternative"
    assert all("Grüße" in part.get_content() for part in mail.iter_parts() if isinstance(part, EmailMessage))
