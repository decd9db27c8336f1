"""Submitting mails over real SMTP, to a mail server that can fail at every step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.mail.carrier import MAX_REPEATS, MailCarrier
from channels.mail.composing import Composer
from channels.mail.smtp_session import Mail
from messaging.submissions import Envelope, InDoubtDelivery, ResultKind, SubmissionResult
from tests.harness.mails import envelope, mail_settings
from tests.harness.submission_results import all_results
from tests.harness.waiting import wait_until
from tools.sandbox.mail.control import DROP, HANG, MailFault, MailSandbox, Step, parsed

OpenCarrier = Callable[..., MailCarrier]


@pytest.fixture
def open_carrier(mail_sandbox: MailSandbox) -> Iterator[OpenCarrier]:
    opened: list[MailCarrier] = []

    def open_it(smtp_url: str | None = None, **overrides: object) -> MailCarrier:
        opened.append(MailCarrier(mail_settings(smtp_url or mail_sandbox.smtp_url, **overrides)))
        return opened[-1]

    yield open_it
    mail_sandbox.set_faults()
    for carrier in opened:
        carrier.close()


def send_one(carrier: MailCarrier, **about: Any) -> SubmissionResult:
    [result] = all_results(carrier, [envelope(**about)])
    return result


def test_the_accepted_message_is_the_submitted_one(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    content = "Grüße!\n\n.A line that begins with a dot\n..\n.\n\nFrom here: https://example.org/?a=1&b=2"
    sent = envelope(content=content)

    [result] = all_results(open_carrier(), [sent])

    [mail] = mail_sandbox.mails()
    text = parsed(mail).get_body(("plain",))
    assert (result.kind, result.delivery_id, result.attempt) == (ResultKind.ACCEPTED, sent.delivery_id, 1)
    assert str(parsed(mail)["Message-ID"]) == f"<{result.carrier_id}>"
    assert (mail.sender, mail.recipient) == ("office@grace.example.org", "ruth@example.org")
    assert text is not None
    assert text.get_content().replace("\r\n", "\n").startswith(content)


def test_a_batch_gets_one_result_for_each_envelope_over_few_connections(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox
) -> None:
    carrier = open_carrier(smtp_connections=3)
    batch = [envelope(f"person{number}@example.org") for number in range(40)]

    results = all_results(carrier, batch)
    again = all_results(carrier, batch)

    assert {result.delivery_id for result in results} == {sent.delivery_id for sent in batch}
    assert len(results + again) == len(mail_sandbox.mails()) == 80
    assert mail_sandbox.connections() <= 3


def test_submit_returns_before_any_mail_is_submitted(open_carrier: OpenCarrier) -> None:
    returned = threading.Event()
    results: list[SubmissionResult] = []
    carrier = open_carrier()

    carrier.submit([envelope()] * 50, may_submit=lambda: returned.wait(timeout=60), on_result=results.append)

    assert results == []
    returned.set()
    wait_until(lambda: len(results) == 50)
    assert {result.kind for result in results} == {ResultKind.ACCEPTED}


@pytest.mark.parametrize(
    ("step", "answer", "kind", "code"),
    [
        (Step.CONNECT, "421 4.3.2 closing", ResultKind.THROTTLED, "4.3.2"),
        (Step.CONNECT, "554 5.7.1 blocked", ResultKind.SENDER, "5.7.1"),
        (Step.MAIL, "451 4.3.0 trouble", ResultKind.THROTTLED, "4.3.0"),
        (Step.MAIL, "421 4.7.0 too fast", ResultKind.THROTTLED, "4.7.0"),
        (Step.MAIL, "553 5.1.8 not yours", ResultKind.SENDER, "5.1.8"),
        (Step.MAIL, "550 no", ResultKind.SENDER, "550"),
        (Step.MAIL, "552 5.3.4 too large", ResultKind.PERMANENT, "5.3.4"),
        (Step.RCPT, "450 4.2.0 greylisted", ResultKind.TRANSIENT, "4.2.0"),
        (Step.RCPT, "550 5.1.1 no such user", ResultKind.PERMANENT, "5.1.1"),
        (Step.DATA, "451 4.3.0 trouble", ResultKind.TRANSIENT, "4.3.0"),
        (Step.DATA, "554 5.5.1 no", ResultKind.PERMANENT, "5.5.1"),
        (Step.DOT, "452 4.3.1 full", ResultKind.TRANSIENT, "4.3.1"),
        (Step.DOT, "550 5.7.1 spam", ResultKind.PERMANENT, "5.7.1"),
        (Step.DOT, "454 Throttling failure", ResultKind.THROTTLED, "454"),
    ],
)
def test_refusals_are_classified(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox, step: Step, answer: str, kind: ResultKind, code: str
) -> None:
    mail_sandbox.set_faults(MailFault(at=step, do=answer))

    result = send_one(open_carrier())

    assert (result.kind, result.error_code) == (kind, code)
    assert result.reason
    assert "ruth" not in result.reason
    assert mail_sandbox.mails() == []


@pytest.mark.parametrize(
    ("step", "kind", "accepted"),
    [
        (Step.CONNECT, ResultKind.THROTTLED, 0),
        (Step.MAIL, ResultKind.TRANSIENT, 0),
        (Step.RCPT, ResultKind.TRANSIENT, 0),
        (Step.DATA, ResultKind.TRANSIENT, 0),
        (Step.DOT, ResultKind.AMBIGUOUS, 0),
        (Step.ACCEPTED, ResultKind.AMBIGUOUS, 1),
    ],
)
def test_only_a_connection_lost_after_the_dot_is_ambiguous(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox, step: Step, kind: ResultKind, accepted: int
) -> None:
    mail_sandbox.set_faults(MailFault(at=step, do=DROP))

    result = send_one(open_carrier(smtp_timeout_seconds=60))

    assert result.kind is kind
    assert len(mail_sandbox.mails()) == accepted


def test_a_timeout_before_the_greeting_throttles_the_sender(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.mail.mail_server.CONNECT_TIMEOUT_SECONDS", 0.2)
    mail_sandbox.set_faults(MailFault(at=Step.CONNECT, do=HANG))

    assert send_one(open_carrier()).kind is ResultKind.THROTTLED


def test_a_timeout_at_the_sender_is_transient(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.MAIL, do=HANG))

    assert send_one(open_carrier(smtp_timeout_seconds=0.2)).kind is ResultKind.TRANSIENT


def test_only_a_timeout_after_the_dot_is_ambiguous(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    steps = {
        Step.RCPT: ResultKind.TRANSIENT,
        Step.DATA: ResultKind.TRANSIENT,
        Step.DOT: ResultKind.AMBIGUOUS,
        Step.ACCEPTED: ResultKind.AMBIGUOUS,
    }
    batch = {step: envelope(f"{step}@example.org") for step in steps}
    mail_sandbox.set_faults(*(MailFault(at=step, do=HANG, only_to=sent.address) for step, sent in batch.items()))

    results = all_results(open_carrier(smtp_connections=len(batch), smtp_timeout_seconds=2), list(batch.values()))

    kinds = {result.delivery_id: result.kind for result in results}
    assert {step: kinds[sent.delivery_id] for step, sent in batch.items()} == steps
    assert [mail.recipient for mail in mail_sandbox.mails()] == [batch[Step.ACCEPTED].address]


def test_a_mail_that_was_not_sent_completely_is_not_ambiguous(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger_than_the_socket_buffers = Mail(
        sender="office@grace.example.org", recipient="ruth@example.org", raw=b"x" * 76 + b"\r\n" * 20_000_000
    )

    def compose(_composer: Composer, _envelope: Envelope) -> Mail:
        return larger_than_the_socket_buffers

    monkeypatch.setattr(Composer, "compose", compose)
    mail_sandbox.set_faults(MailFault(at=Step.BODY, do=DROP))

    result = send_one(open_carrier(smtp_timeout_seconds=60))

    assert result.kind is ResultKind.TRANSIENT


def test_a_temporary_refusal_has_a_backoff_of_minutes(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.RCPT, do="451 4.7.1 greylisted"))
    carrier = open_carrier()

    assert send_one(carrier).retry_after_seconds == 60.0
    assert send_one(carrier, tries=2).retry_after_seconds == 240.0
    assert send_one(carrier, tries=20).retry_after_seconds == 3600.0


def test_a_refused_recipient_does_not_delay_the_next(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.RCPT, do="550 5.1.1 no", only_to="gone@example.org"))
    carrier = open_carrier(smtp_connections=1)
    batch = [envelope(f"{name}@example.org") for name in ("ann", "gone", "ben")]

    results = {result.delivery_id: result.kind for result in all_results(carrier, batch)}

    assert [results[each.delivery_id] for each in batch] == ["accepted", "permanent", "accepted"]
    assert mail_sandbox.connections() == 1


@pytest.mark.parametrize("answer", ["550 5.7.1 not yours", "421 4.7.0 too fast"])
def test_a_refused_sender_is_not_tried_with_every_recipient(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox, answer: str
) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.MAIL, do=answer))

    results = all_results(open_carrier(smtp_connections=2), [envelope() for _ in range(50)])

    kinds = [result.kind for result in results]
    assert kinds.count(ResultKind.UNSUBMITTED) >= 46, "each connection tries the sender about once"
    assert mail_sandbox.mails() == []


def test_a_refused_sender_is_tried_again_in_the_next_batch(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox
) -> None:
    mail_sandbox.set_faults(MailFault(at=Step.MAIL, do="550 5.7.1 not yours", times=1))
    carrier = open_carrier(smtp_connections=1)

    assert send_one(carrier).kind is ResultKind.SENDER
    assert send_one(carrier).kind is ResultKind.ACCEPTED


def test_without_may_submit_a_mail_is_unsubmitted(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    allowed = iter([True, True, *[False] * 10])

    results = all_results(
        open_carrier(smtp_connections=1), [envelope() for _ in range(3)], may_submit=lambda: next(allowed)
    )

    assert sorted(result.kind for result in results) == ["accepted", "unsubmitted", "unsubmitted"]
    assert len(mail_sandbox.mails()) == 1


def test_may_submit_is_called_again_after_connecting(open_carrier: OpenCarrier, mail_sandbox: MailSandbox) -> None:
    allowed = iter([True, False])

    [result] = all_results(open_carrier(), [envelope()], may_submit=lambda: next(allowed))

    assert result.kind is ResultKind.UNSUBMITTED
    assert mail_sandbox.connections() == 1
    assert mail_sandbox.mails() == []


@pytest.mark.parametrize("bad", [{"sender": "not an address"}, {"subject": "a\r\nBcc: b@example.org"}])
def test_a_mail_that_cannot_be_composed_fails_alone(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox, bad: dict[str, Any]
) -> None:
    results = all_results(open_carrier(), [envelope(**bad), envelope()])

    assert sorted(result.kind for result in results) == ["accepted", "permanent"]


def test_an_unreachable_server_throttles_the_sender(open_carrier: OpenCarrier, free_port: int) -> None:
    assert send_one(open_carrier(f"smtp://127.0.0.1:{free_port}?starttls=never")).kind is ResultKind.THROTTLED


def test_without_smtp_url_the_sender_is_paused() -> None:
    carrier = MailCarrier(mail_settings(smtp_url=None))

    assert send_one(carrier).kind is ResultKind.SENDER
    carrier.close()


def test_the_bounce_address_is_used_when_a_bounce_domain_is_set(
    open_carrier: OpenCarrier, mail_sandbox: MailSandbox
) -> None:
    send_one(open_carrier(mail_bounce_domain="bounces.example.org"))

    [mail] = mail_sandbox.mails()
    assert mail.sender.endswith("@bounces.example.org")
    assert str(parsed(mail)["From"]) == "Grace Community <office@grace.example.org>"


@pytest.mark.parametrize("repeats", range(4))
@pytest.mark.parametrize("attempt", [1, 9])
def test_a_mail_in_doubt_is_reported_missing_until_it_was_repeated_twice(
    open_carrier: OpenCarrier, attempt: int, repeats: int
) -> None:
    of = envelope(attempt=attempt)
    in_doubt = InDoubtDelivery(
        delivery_id=of.delivery_id,
        attempt=attempt,
        repeats=repeats,
        address=of.address,
        content=of.content,
        sender=of.sender,
        since=datetime.now(UTC),
    )

    [[lookup]] = open_carrier().look_up([in_doubt])

    assert lookup.records == (() if repeats < MAX_REPEATS else None)


def test_no_statuses_can_be_fetched(open_carrier: OpenCarrier) -> None:
    assert list(open_carrier().fetch_statuses(["some-id@example.org"])) == []
