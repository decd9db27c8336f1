"""Connections to the mail server: encryption, login, reuse and reconnecting."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from channels.mail import carrier as mail_carrier
from channels.mail.carrier import MailCarrier
from messaging.submissions import ResultKind, SubmissionResult
from tests.harness.mails import envelope, mail_settings
from tests.harness.sandbox_carrier import running_sandbox
from tests.harness.submission_results import all_results
from tools.sandbox.mail.control import DROP, MailFault, MailSandbox, Step

USER, PASSWORD = "user@example.org", "p:/ä?#%"


@contextmanager
def carrier_to(smtp_url: str, **settings: object) -> Generator[MailCarrier]:
    carrier = MailCarrier(mail_settings(smtp_url, **settings))
    yield carrier
    carrier.close()


def send_one(carrier: MailCarrier) -> SubmissionResult:
    [result] = all_results(carrier, [envelope()])
    return result


# --- kept connections -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [DROP, "421 4.4.2 idle for too long"])
def test_a_dead_idle_connection_is_replaced_and_the_mail_is_sent_once(mail_sandbox: MailSandbox, fault: str) -> None:
    with carrier_to(mail_sandbox.smtp_url, smtp_connections=1) as carrier:
        send_one(carrier)
        mail_sandbox.set_faults(MailFault(at=Step.MAIL, do=fault, times=1))

        assert send_one(carrier).kind is ResultKind.ACCEPTED

    assert len(mail_sandbox.mails()) == 2
    assert [mail.connection for mail in mail_sandbox.mails()] == [1, 2]


def test_a_connection_that_dies_later_in_the_session_is_not_retried(
    mail_sandbox: MailSandbox,
) -> None:
    with carrier_to(mail_sandbox.smtp_url, smtp_connections=1) as carrier:
        send_one(carrier)
        mail_sandbox.set_faults(MailFault(at=Step.ACCEPTED, do=DROP, times=1))

        assert send_one(carrier).kind is ResultKind.AMBIGUOUS

    assert len(mail_sandbox.mails()) == 2


def test_after_a_lost_connection_the_next_mail_goes_over_a_new_one(mail_sandbox: MailSandbox) -> None:
    with carrier_to(mail_sandbox.smtp_url, smtp_connections=1) as carrier:
        mail_sandbox.set_faults(MailFault(at=Step.DOT, do=DROP, times=1))
        send_one(carrier)

        assert send_one(carrier).kind is ResultKind.ACCEPTED


def test_a_connection_that_was_idle_too_long_is_closed(
    mail_sandbox: MailSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with carrier_to(mail_sandbox.smtp_url, smtp_connections=1) as carrier:
        send_one(carrier)
        monkeypatch.setattr(mail_carrier, "IDLE_SECONDS", 0.0)
        send_one(carrier)

    assert mail_sandbox.connections() == 2


# --- logging in -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailSandbox]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "password").write_text(PASSWORD)
    options = ("--mail-user", USER, "--mail-password-file", str(folder / "password"))
    with running_sandbox(folder / "log", *options) as url:
        yield MailSandbox(url)


def url_of(sandbox: MailSandbox, password: str) -> str:
    return f"smtp://{quote(USER, safe='')}:{quote(password, safe='')}@127.0.0.1:{sandbox.smtp_port}?starttls=never"


def test_user_and_password_are_those_of_the_url(guarded: MailSandbox) -> None:
    guarded.clear()
    with carrier_to(url_of(guarded, PASSWORD)) as carrier:
        assert send_one(carrier).kind is ResultKind.ACCEPTED
    with carrier_to(url_of(guarded, "another")) as carrier:
        refused = send_one(carrier)

    assert (refused.kind, refused.error_code) == (ResultKind.SENDER, "5.7.8")
    assert [mail.user for mail in guarded.mails()] == [USER]


def test_without_a_login_the_sender_is_refused(guarded: MailSandbox) -> None:
    with carrier_to(guarded.smtp_url) as carrier:
        assert send_one(carrier).kind is ResultKind.SENDER


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("454 4.7.0 later", ResultKind.THROTTLED), ("535 5.7.8 wrong", ResultKind.SENDER), (DROP, ResultKind.THROTTLED)],
)
def test_refusals_at_login_are_classified(guarded: MailSandbox, answer: str, kind: ResultKind) -> None:
    guarded.set_faults(MailFault(at=Step.LOGIN, do=answer))
    with carrier_to(url_of(guarded, PASSWORD)) as carrier:
        assert send_one(carrier).kind is kind
    guarded.set_faults()


# --- encryption -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def encrypted(tmp_path: Path, authority: trustme.CA, name: str, *options: str) -> Generator[MailSandbox]:
    """A mail server with a certificate of the authority for the name."""
    certificate = tmp_path / "server.pem"
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with running_sandbox(tmp_path / "log", "--mail-certificate", str(certificate), *options) as url:
        yield MailSandbox(url)


@pytest.fixture
def trusted(tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes OpenSSL trust the authority."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("scheme", "options"), [("smtp", ()), ("smtps", ("--mail-implicit-tls",))])
def test_mails_are_encrypted(tmp_path: Path, authority: trustme.CA, scheme: str, options: tuple[str, ...]) -> None:
    with (
        encrypted(tmp_path, authority, "localhost", *options) as sandbox,
        carrier_to(f"{scheme}://localhost:{sandbox.smtp_port}") as carrier,
    ):
        results = all_results(carrier, [envelope() for _ in range(20)])

        assert {result.kind for result in results} == {ResultKind.ACCEPTED}
        assert all(mail.encrypted for mail in sandbox.mails())
        assert sandbox.connections() <= carrier.capacity


@pytest.mark.parametrize(("scheme", "options"), [("smtp", ()), ("smtps", ("--mail-implicit-tls",))])
def test_a_self_signed_certificate_is_refused(
    tmp_path: Path, authority: trustme.CA, scheme: str, options: tuple[str, ...]
) -> None:
    with (
        encrypted(tmp_path, authority, "localhost", *options) as sandbox,
        carrier_to(f"{scheme}://localhost:{sandbox.smtp_port}") as carrier,
    ):
        result = send_one(carrier)

        assert result.kind is ResultKind.SENDER
        assert "certificate" in (result.reason or "")
        assert sandbox.mails() == []


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_refused(tmp_path: Path, authority: trustme.CA) -> None:
    with (
        encrypted(tmp_path, authority, "mail.example.org") as sandbox,
        carrier_to(f"smtp://localhost:{sandbox.smtp_port}") as carrier,
    ):
        assert send_one(carrier).kind is ResultKind.SENDER


def test_a_server_without_starttls_receives_no_mail(mail_sandbox: MailSandbox) -> None:
    """An attacker on the path may have removed the offer (RFC 3207, section 6)."""
    with carrier_to(f"smtp://127.0.0.1:{mail_sandbox.smtp_port}") as carrier:
        result = send_one(carrier)

    assert result.kind is ResultKind.SENDER
    assert mail_sandbox.mails() == []
