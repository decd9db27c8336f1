"""What refusals and lost connections mean, stage by stage."""

from __future__ import annotations

import ssl

import pytest

from channels.mail import errors
from channels.mail.conversation import Broken, Refused, Stage
from messaging.outcomes import Verdict


@pytest.mark.parametrize(
    ("stage", "text", "verdict"),
    [
        # nobody has looked at the mail yet
        (Stage.CONNECT, "421 4.3.2 shutting down", Verdict.THROTTLED),
        (Stage.CONNECT, "451 later", Verdict.THROTTLED),
        (Stage.CONNECT, "554 5.7.1 your address is blocked", Verdict.SENDER),
        (Stage.LOGIN, "535 5.7.8 wrong password", Verdict.SENDER),
        (Stage.LOGIN, "534 5.7.9 application password needed", Verdict.SENDER),
        (Stage.LOGIN, "454 4.7.0 temporary authentication failure", Verdict.THROTTLED),
        (Stage.SENDER, "553 5.1.8 no such sender", Verdict.SENDER),
        (Stage.SENDER, "550 not yours", Verdict.SENDER),
        (Stage.SENDER, "530 5.7.0 authentication required", Verdict.SENDER),
        (Stage.SENDER, "451 4.3.0 trouble", Verdict.THROTTLED),
        (Stage.SENDER, "552 5.3.4 too large", Verdict.PERMANENT),
        # of the recipient
        (Stage.RECIPIENT, "550 5.1.1 no such user", Verdict.PERMANENT),
        (Stage.RECIPIENT, "550 no", Verdict.PERMANENT),
        (Stage.RECIPIENT, "554 5.7.1 relaying denied", Verdict.PERMANENT),
        (Stage.RECIPIENT, "450 4.2.0 greylisted", Verdict.TRANSIENT),
        (Stage.RECIPIENT, "452 4.2.2 mailbox full", Verdict.TRANSIENT),
        (Stage.RECIPIENT, "421 4.7.0 too many", Verdict.THROTTLED),
        (Stage.RECIPIENT, "530 5.7.0 authentication required", Verdict.SENDER),
        (Stage.RECIPIENT, "550 5.1.8 bad sender", Verdict.SENDER),
        (Stage.RECIPIENT, "250 as if", Verdict.TRANSIENT),
        # of the mail
        (Stage.CONTENT, "451 4.3.0 trouble", Verdict.TRANSIENT),
        (Stage.CONTENT, "554 5.6.0 no", Verdict.PERMANENT),
        (Stage.ACCEPTANCE, "451 4.7.1 later", Verdict.TRANSIENT),
        (Stage.ACCEPTANCE, "550 5.7.1 spam", Verdict.PERMANENT),
        (Stage.ACCEPTANCE, "550 5.7.26 unauthenticated", Verdict.PERMANENT),
        (Stage.ACCEPTANCE, "454 Throttling failure", Verdict.THROTTLED),
        (Stage.ACCEPTANCE, "550 5.4.5 daily limit", Verdict.THROTTLED),
        (Stage.ACCEPTANCE, "354 what?", Verdict.AMBIGUOUS),
        (Stage.ACCEPTANCE, "-1 gibberish", Verdict.AMBIGUOUS),
    ],
)
def test_a_refusal(stage: Stage, text: str, verdict: Verdict) -> None:
    code, _, words = text.partition(" ")

    meaning = errors.refused(Refused.by(stage, int(code), words))

    assert meaning.verdict is verdict
    assert meaning.reason


@pytest.mark.parametrize(
    ("stage", "verdict"),
    [
        (Stage.CONNECT, Verdict.THROTTLED),
        (Stage.LOGIN, Verdict.THROTTLED),
        (Stage.SENDER, Verdict.TRANSIENT),
        (Stage.RECIPIENT, Verdict.TRANSIENT),
        (Stage.CONTENT, Verdict.TRANSIENT),
        (Stage.ACCEPTANCE, Verdict.AMBIGUOUS),
    ],
)
def test_a_lost_connection(stage: Stage, verdict: Verdict) -> None:
    assert errors.broken(Broken(stage, cause=TimeoutError())).verdict is verdict


def test_a_certificate_that_cannot_be_verified_is_for_a_person() -> None:
    failure = Broken(Stage.CONNECT, distrusted=True, cause=ssl.SSLCertVerificationError())

    assert errors.broken(failure).verdict is Verdict.SENDER


def test_the_servers_own_words_are_not_repeated() -> None:
    refusal = Refused.by(Stage.RECIPIENT, 550, b"5.1.1 <ruth@example.org> unknown")

    assert "ruth" not in str(refusal) + errors.refused(refusal).reason
    assert refusal.enhanced == "5.1.1"


@pytest.mark.parametrize("text", ["5.1.1 x", "5.1.1", b"4.7.1 x"])
def test_the_finer_code_is_read_where_there_is_one(text: str | bytes) -> None:
    assert Refused.by(Stage.RECIPIENT, 550, text).enhanced is not None


@pytest.mark.parametrize("text", ["no", "10.1.1.1 is listed", "see 5.1.1", "2.5"])
def test_other_numbers_are_not_taken_for_one(text: str) -> None:
    assert Refused.by(Stage.RECIPIENT, 550, text).enhanced is None
