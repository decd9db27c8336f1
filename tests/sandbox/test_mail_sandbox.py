"""The sandbox's mail server, spoken to as any client would."""

from __future__ import annotations

import smtplib

import pytest

from sandbox.mail.control import DROP, MailFault, MailSandbox, MailSandboxError, Step
from sandbox.mail.faults import MailFaultError


@pytest.fixture
def client(mail_sandbox: MailSandbox) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", mail_sandbox.smtp_port, timeout=5.0)
    client.ehlo()
    return client


def send(client: smtplib.SMTP, *to: str) -> None:
    client.sendmail("office@grace.example.org", to or ("ruth@example.org",), b"Subject: x\r\n\r\n.dot\r\n")


def test_what_is_taken_is_in_the_ledger_byte_by_byte(client: smtplib.SMTP, mail_sandbox: MailSandbox) -> None:
    send(client, "ruth@example.org", "amos@example.org")

    mails = mail_sandbox.mails()
    assert [(mail.sender, mail.recipient) for mail in mails] == [
        ("office@grace.example.org", "ruth@example.org"),
        ("office@grace.example.org", "amos@example.org"),
    ]
    assert mails[0].raw == b"Subject: x\r\n\r\n.dot\r\n"
    assert not mails[0].encrypted


def test_a_fault_happens_as_often_and_to_whom_it_should(client: smtplib.SMTP, mail_sandbox: MailSandbox) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.RCPT, do="550 5.1.1 no", times=2, only_to="ruth@example.org"))

    send(client, "amos@example.org")
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            send(client)
    send(client)

    assert [mail.recipient for mail in mail_sandbox.mails()] == ["amos@example.org", "ruth@example.org"]


def test_a_fault_for_a_share_meets_about_so_many_and_is_counted(
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
def test_a_dropped_connection_leaves_a_mail_behind_only_once_it_was_accepted(
    client: smtplib.SMTP, mail_sandbox: MailSandbox, step: Step
) -> None:
    mail_sandbox.set_faults(MailFault(at=step, do=DROP))

    with pytest.raises((smtplib.SMTPException, OSError)):
        send(client)

    assert len(mail_sandbox.mails()) == (1 if step is Step.ACCEPTED else 0)


def test_clearing_forgets_mails_connections_and_faults(client: smtplib.SMTP, mail_sandbox: MailSandbox) -> None:
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
def test_a_fault_that_cannot_be_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(MailFaultError):
        MailFault(**fault)  # type: ignore[arg-type]


def test_the_control_api_says_what_is_wrong(mail_sandbox: MailSandbox) -> None:
    with pytest.raises(MailSandboxError, match="no such field"):
        mail_sandbox._ask("PUT", "faults", '[{"at": "mail", "do": "drop", "colour": 1}]')
    with pytest.raises(MailSandboxError, match="404"):
        mail_sandbox._ask("GET", "nothing")
