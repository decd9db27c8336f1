"""How refusals and lost connections are classified, stage by stage."""

from __future__ import annotations

import ssl

import pytest

from channels.mail import errors
from channels.mail.smtp_session import SmtpFailure, SmtpRefusal, Stage
from messaging.submissions import ResultKind


@pytest.mark.parametrize(
    ("stage", "text", "kind"),
    [
        # before a recipient is named
        (Stage.CONNECT, "421 4.3.2 shutting down", ResultKind.THROTTLED),
        (Stage.CONNECT, "451 later", ResultKind.THROTTLED),
        (Stage.CONNECT, "554 5.7.1 your address is blocked", ResultKind.SENDER),
        (Stage.LOGIN, "535 5.7.8 wrong password", ResultKind.SENDER),
        (Stage.LOGIN, "534 5.7.9 application password needed", ResultKind.SENDER),
        (Stage.LOGIN, "454 4.7.0 temporary authentication failure", ResultKind.THROTTLED),
        (Stage.SENDER, "553 5.1.8 no such sender", ResultKind.SENDER),
        (Stage.SENDER, "550 not yours", ResultKind.SENDER),
        (Stage.SENDER, "530 5.7.0 authentication required", ResultKind.SENDER),
        (Stage.SENDER, "451 4.3.0 trouble", ResultKind.THROTTLED),
        (Stage.SENDER, "552 5.3.4 too large", ResultKind.PERMANENT),
        # at the recipient
        (Stage.RECIPIENT, "550 5.1.1 no such user", ResultKind.PERMANENT),
        (Stage.RECIPIENT, "550 no", ResultKind.PERMANENT),
        (Stage.RECIPIENT, "554 5.7.1 relaying denied", ResultKind.PERMANENT),
        (Stage.RECIPIENT, "450 4.2.0 greylisted", ResultKind.TRANSIENT),
        (Stage.RECIPIENT, "452 4.2.2 mailbox full", ResultKind.TRANSIENT),
        (Stage.RECIPIENT, "421 4.7.0 too many", ResultKind.THROTTLED),
        (Stage.RECIPIENT, "530 5.7.0 authentication required", ResultKind.SENDER),
        (Stage.RECIPIENT, "550 5.1.8 bad sender", ResultKind.SENDER),
        (Stage.RECIPIENT, "250 as if", ResultKind.TRANSIENT),
        # at the mail
        (Stage.CONTENT, "451 4.3.0 trouble", ResultKind.TRANSIENT),
        (Stage.CONTENT, "554 5.6.0 no", ResultKind.PERMANENT),
        (Stage.ACCEPTANCE, "451 4.7.1 later", ResultKind.TRANSIENT),
        (Stage.ACCEPTANCE, "550 5.7.1 spam", ResultKind.PERMANENT),
        (Stage.ACCEPTANCE, "550 5.7.26 unauthenticated", ResultKind.PERMANENT),
        (Stage.ACCEPTANCE, "454 Throttling failure", ResultKind.THROTTLED),
        (Stage.ACCEPTANCE, "550 5.4.5 daily limit", ResultKind.THROTTLED),
        (Stage.ACCEPTANCE, "354 what?", ResultKind.AMBIGUOUS),
        (Stage.ACCEPTANCE, "-1 gibberish", ResultKind.AMBIGUOUS),
    ],
)
def test_a_refusal_is_classified_by_stage_and_code(stage: Stage, text: str, kind: ResultKind) -> None:
    code, _, reply = text.partition(" ")

    classified = errors.classify_refusal(SmtpRefusal.from_reply(stage, int(code), reply))

    assert classified.kind is kind
    assert classified.reason


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        (Stage.CONNECT, ResultKind.THROTTLED),
        (Stage.LOGIN, ResultKind.THROTTLED),
        (Stage.SENDER, ResultKind.TRANSIENT),
        (Stage.RECIPIENT, ResultKind.TRANSIENT),
        (Stage.CONTENT, ResultKind.TRANSIENT),
        (Stage.ACCEPTANCE, ResultKind.AMBIGUOUS),
    ],
)
def test_a_lost_connection_is_classified_by_stage(stage: Stage, kind: ResultKind) -> None:
    assert errors.classify_failure(SmtpFailure(stage, cause=TimeoutError())).kind is kind


def test_an_unverified_certificate_pauses_the_sender() -> None:
    failure = SmtpFailure(Stage.CONNECT, untrusted_certificate=True, cause=ssl.SSLCertVerificationError())

    assert errors.classify_failure(failure).kind is ResultKind.SENDER


def test_the_text_of_the_reply_is_not_quoted() -> None:
    refusal = SmtpRefusal.from_reply(Stage.RECIPIENT, 550, b"5.1.1 <ruth@example.org> unknown")

    assert "ruth" not in str(refusal) + errors.classify_refusal(refusal).reason
    assert refusal.enhanced == "5.1.1"


@pytest.mark.parametrize("text", ["5.1.1 x", "5.1.1", b"4.7.1 x"])
def test_the_enhanced_code_is_read(text: str | bytes) -> None:
    assert SmtpRefusal.from_reply(Stage.RECIPIENT, 550, text).enhanced is not None


@pytest.mark.parametrize("text", ["no", "10.1.1.1 is listed", "see 5.1.1", "2.5"])
def test_other_numbers_are_not_enhanced_codes(text: str) -> None:
    assert SmtpRefusal.from_reply(Stage.RECIPIENT, 550, text).enhanced is None
