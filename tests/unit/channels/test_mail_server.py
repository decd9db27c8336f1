"""How an SMTP_URL is parsed."""

from __future__ import annotations

import pytest

from channels.mail.mail_server import Encryption, MailServer
from settings import SettingsError
from tests.harness.mails import mail_settings


@pytest.mark.parametrize(
    ("url", "host", "port", "encryption", "user", "password"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, Encryption.STARTTLS, None, None),
        ("smtp://mail.example.org:25?starttls=always", "mail.example.org", 25, Encryption.STARTTLS, None, None),
        ("smtp://127.0.0.1:2525?starttls=never", "127.0.0.1", 2525, Encryption.NONE, None, None),
        ("smtps://u%40x:p%3A%2F@mail.example.org", "mail.example.org", 465, Encryption.IMPLICIT, "u@x", "p:/"),
        ("smtps://u:p@[::1]:4465/", "::1", 4465, Encryption.IMPLICIT, "u", "p"),
    ],
)
def test_an_smtp_url_is_parsed(
    url: str, host: str, port: int, encryption: Encryption, user: str | None, password: str | None
) -> None:
    assert mail_settings(url).smtp_url == url

    assert MailServer.from_url(url) == MailServer(
        host=host, port=port, encryption=encryption, user=user, password=password
    )


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "http://x",
        "smtp://",
        "smtp://h?starttls=maybe",
        "smtp://h:x",
        "smtp://u:p@ss@h",
        "smtp://h/x",
    ],
)
def test_another_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        mail_settings(url)

    assert str(refused.value).startswith("SMTP_URL: ")
    assert "p@ss" not in str(refused.value)


def test_the_password_is_not_printed() -> None:
    url = "smtps://user:hunter2@mail.example.org"

    assert "hunter2" not in repr(MailServer.from_url(url)) + repr(mail_settings(url))


def test_mail_needs_a_secret() -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY: is missing"):
        mail_settings(secret_key=None)

    mail_settings(secret_key=None, mail_enabled=False)
    mail_settings(smtp_url=None, secret_key=None)


def test_reconciliation_must_start_after_the_smtp_timeout() -> None:
    with pytest.raises(SettingsError, match="RECONCILE_SECONDS: must be longer than SMTP_TIMEOUT_SECONDS"):
        mail_settings(smtp_timeout_seconds=300)
