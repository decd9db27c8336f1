"""The sandbox's mail server, over SMTP."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests

from tools.sandbox.mail import pages
from tools.sandbox.mail.control import DROP, MailFault, MailSandbox, MailSandboxError, Step
from tools.sandbox.mail.faults import MailFaultError


@pytest.fixture
def client(mail_sandbox: MailSandbox) -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP("127.0.0.1", mail_sandbox.smtp_port, timeout=30.0)
    client.ehlo()
    yield client
    client.close()


def send(client: smtplib.SMTP, *to: str) -> None:
    client.sendmail("office@grace.example.org", to or ("ruth@example.org",), b"Subject: x\r\n\r\n.dot\r\n")


def test_an_accepted_mail_is_in_the_ledger_byte_by_byte(client: smtplib.SMTP, mail_sandbox: MailSandbox) -> None:
    send(client, "ruth@example.org", "amos@example.org")

    mails = mail_sandbox.mails()
    assert [(mail.sender, mail.recipient) for mail in mails] == [
        ("office@grace.example.org", "ruth@example.org"),
        ("office@grace.example.org", "amos@example.org"),
    ]
    assert mails[0].raw == b"Subject: x\r\n\r\n.dot\r\n"
    assert not mails[0].encrypted


def test_a_fault_is_limited_by_count_and_recipient(client: smtplib.SMTP, mail_sandbox: MailSandbox) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.RCPT, do="550 5.1.1 no", times=2, only_to="ruth@example.org"))

    send(client, "amos@example.org")
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(client)
    send(client)

    assert [mail.recipient for mail in mail_sandbox.mails()] == ["amos@example.org", "ruth@example.org"]


def test_a_fault_with_a_probability_happens_to_some_mails_and_is_counted(
    client: smtplib.SMTP, mail_sandbox: MailSandbox
) -> None:
    mail_sandbox.set_faults(
        MailFault(at=Step.RCPT, do="450 4.7.1 later", share=0.5), MailFault(at=Step.RCPT, do="550 5.1.1 no", share=0.0)
    )

    refused = 0
    for _ in range(40):
        try:
            send(client)
        except smtplib.SMTPRecipientsRefused:
            refused += 1

    summary = mail_sandbox.summary()
    assert 5 < refused < 35
    assert summary.faults_met == {"rcpt: 450": refused}
    assert (summary.mails, summary.connections) == (40 - refused, 1)
    mail_sandbox.set_faults()
    assert mail_sandbox.summary().faults_met == {}


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.BODY, Step.DOT, Step.ACCEPTED])
def test_a_mail_is_stored_before_a_drop_only_if_it_was_accepted(
    client: smtplib.SMTP, mail_sandbox: MailSandbox, step: Step
) -> None:
    mail_sandbox.set_faults(MailFault(at=step, do=DROP))

    with pytest.raises((smtplib.SMTPException, OSError)):
        send(client)

    assert len(mail_sandbox.mails()) == (1 if step is Step.ACCEPTED else 0)


def test_clear_removes_mails_connections_and_faults(client: smtplib.SMTP, mail_sandbox: MailSandbox) -> None:
    send(client)
    mail_sandbox.set_faults(MailFault(at=Step.MAIL, do="550 no"))

    mail_sandbox.clear()

    assert (mail_sandbox.mails(), mail_sandbox.connections()) == ([], 0)
    send(client)
    assert len(mail_sandbox.mails()) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"at": Step.MAIL, "do": "explode"},
        {"at": Step.BODY, "do": "550 no"},
        {"at": Step.MAIL, "do": DROP, "only_to": "ruth@example.org"},
        {"at": Step.MAIL, "do": DROP, "share": 1.5},
    ],
)
def test_an_invalid_fault_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(MailFaultError):
        MailFault(**fault)  # type: ignore[arg-type]


def test_the_control_api_explains_a_refusal(mail_sandbox: MailSandbox) -> None:
    with pytest.raises(MailSandboxError, match="no such field"):
        mail_sandbox._ask("PUT", "faults", '[{"at": "mail", "do": "drop", "colour": 1}]')  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(MailSandboxError, match="404"):
        mail_sandbox._ask("GET", "nothing")  # pyright: ignore[reportPrivateUsage]


# --- web pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def address(_sandbox_url: str) -> str:
    return f"{_sandbox_url}/_sandbox/mail/mails"


def compose(subject: str, text: str = "Amen.") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Grace <office@grace.example.org>", "ruth@example.org", subject
    mail.set_content(text)
    mail.add_alternative(f"<p>{text}</p>", subtype="html")
    return mail.as_bytes()


def test_the_page_lists_mails_newest_first(client: smtplib.SMTP, mail_sandbox: MailSandbox, address: str) -> None:
    for subject in ("First", "Zweiter, für alle"):
        client.sendmail("office@grace.example.org", "ruth@example.org", compose(subject, "Grüße."))

    page, one = requests.get(address, timeout=30), requests.get(f"{address}/2", timeout=30)
    source = requests.get(f"{address}/2.eml", timeout=30)

    assert "2 mails taken" in page.text
    assert 0 < page.text.index("Zweiter, für alle") < page.text.index("First")
    assert one.headers["Content-Type"].startswith("text/plain")
    for shown in ("from <office@grace.example.org> to <ruth@example.org>", "Subject: Zweiter, für alle", "Grüße."):
        assert shown in one.text
    assert source.content == mail_sandbox.mails()[1].raw


def test_the_content_of_a_mail_is_never_rendered_as_html(
    client: smtplib.SMTP, mail_sandbox: MailSandbox, address: str
) -> None:
    client.sendmail("office@grace.example.org", "ruth@example.org", compose("<script>alert(1)</script>"))

    page, one = requests.get(address, timeout=30), requests.get(f"{address}/1", timeout=30)

    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert one.headers["Content-Type"].startswith("text/plain")
    for answer in (page, one, requests.get(f"{address}/1.eml", timeout=30)):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_many_mails_are_listed_in_pages(client: smtplib.SMTP, mail_sandbox: MailSandbox, address: str) -> None:
    for _ in range(pages.MAILS_ON_A_PAGE + 1):
        send(client)

    newest = requests.get(address, timeout=30).text
    older = requests.get(f"{address}?before=2", timeout=30).text

    assert newest.count(">source</a>") == pages.MAILS_ON_A_PAGE
    assert "?before=2" in newest
    assert older.count(">source</a>") == 1
    assert "Older" not in older


@pytest.mark.parametrize(
    "raw",
    [
        b"no header at all",
        b"Subject: =?no-such-charset?B?w7w=?=\r\nContent-Type: text/plain; charset=no-such\r\n\r\nx\r\n",
        b"Subject: =?utf-8?B?=\r\nTo: " + b"(" * 900 + b"\r\n\r\nx\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\xff\xfe\r\n",
        b"\xff\xfe\r\n",
    ],
)
def test_a_malformed_mail_is_shown(client: smtplib.SMTP, mail_sandbox: MailSandbox, address: str, raw: bytes) -> None:
    client.sendmail("office@grace.example.org", "ruth@example.org", raw)

    assert [requests.get(f"{address}{path}", timeout=30).status_code for path in ("", "/1", "/1.eml")] == [200] * 3


@pytest.mark.parametrize("path", ["/0", "/2", "/x", "/1.txt", "/-1", "/9999999999999", "x"])
def test_a_missing_mail_is_a_404(client: smtplib.SMTP, mail_sandbox: MailSandbox, address: str, path: str) -> None:
    send(client)

    assert requests.get(f"{address}{path}", timeout=30).status_code == 404
