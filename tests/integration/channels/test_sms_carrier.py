"""Texts through the official client, to a real HTTP carrier that may misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from channels.sms.carrier import TwilioCarrier
from messaging.outcomes import Envelope, Outcome, Sender, Verdict
from sandbox.control import Faults, Next, Sandbox
from sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN
from settings import load_settings

OpenCarrier = Callable[..., TwilioCarrier]


@pytest.fixture
def open_carrier(sandbox: Sandbox) -> Iterator[OpenCarrier]:
    opened: list[TwilioCarrier] = []

    def open_it(**overrides: object) -> TwilioCarrier:
        settings = load_settings(
            **{
                "database_url": "postgresql://unused",
                "enable_queues": False,
                "twilio_api_base_url": sandbox.base_url,
                "twilio_account_sid": ACCOUNT_SID,
                "twilio_auth_token": AUTH_TOKEN,
                "public_url": "http://127.0.0.1:9/",
                "carrier_timeout_seconds": 0.5,
                **overrides,
            }
        )
        opened.append(TwilioCarrier(settings))
        return opened[-1]

    yield open_it
    for carrier in opened:
        carrier.close()


def envelope(to: str = "+12025550123", *, sender: str | None = "+15005550006", service: str | None = None) -> Envelope:
    return Envelope(
        delivery_id=uuid4(),
        attempt=3,
        address=to,
        content="Grüße — ½ price pie 🥧",
        sender=Sender(address=sender, messaging_service_sid=service),
    )


def send(carrier: TwilioCarrier, *envelopes: Envelope) -> list[Outcome]:
    return [outcome for outcomes in carrier.send(envelopes) for outcome in outcomes]


def test_what_is_accepted_is_what_was_written(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sent = envelope()

    (outcome,) = send(open_carrier(), sent)

    (row,) = sandbox.ledger()
    assert (outcome.verdict, outcome.carrier_id) == (Verdict.ACCEPTED, row.sid)
    assert (outcome.delivery_id, outcome.attempt) == (sent.delivery_id, 3)
    assert (row.to, row.sender, row.body) == (sent.address, "+15005550006", sent.content)
    assert row.status_callback == f"http://127.0.0.1:9/callbacks/sms/{sent.delivery_id}/3"


def test_a_messaging_service_goes_before_a_number(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    (outcome,) = send(open_carrier(), envelope(sender="+15005550007", service="MG" + "0" * 32))

    assert outcome.verdict is Verdict.ACCEPTED


def test_a_batch_gets_one_outcome_for_each_envelope(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    batch = [envelope(f"+1202555{number:04d}") for number in range(700)]

    outcomes = send(open_carrier(carrier_connections=50), *batch)

    assert {outcome.delivery_id for outcome in outcomes} == {sent.delivery_id for sent in batch}
    assert len(outcomes) == len(sandbox.ledger()) == 700


def test_waiting_for_a_connection_is_not_counted_as_the_carriers_time(
    open_carrier: OpenCarrier, sandbox: Sandbox
) -> None:
    sandbox.set_faults(Faults(latency_ms=100))
    carrier = open_carrier(carrier_connections=2, carrier_timeout_seconds=0.4)

    outcomes = send(carrier, *(envelope(f"+1202555{number:04d}") for number in range(12)))

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}


@pytest.mark.parametrize(
    ("to", "sender", "verdict", "code", "opted_out"),
    [
        ("+15005550001", "+15005550006", Verdict.PERMANENT, "21211", False),
        ("+15005550009", "+15005550006", Verdict.PERMANENT, "21614", False),
        ("+15005550004", "+15005550006", Verdict.PERMANENT, "21610", True),
        # One recipient abroad must not stop everyone else.
        ("+15005550003", "+15005550006", Verdict.PERMANENT, "21408", False),
        ("+12025550123", "+15005550007", Verdict.SENDER, "21606", False),
        ("+12025550123", "+15005550008", Verdict.TRANSIENT, "21611", False),
    ],
)
def test_refusals_are_told_apart(
    open_carrier: OpenCarrier, sandbox: Sandbox, to: str, sender: str, verdict: Verdict, code: str, opted_out: bool
) -> None:
    (outcome,) = send(open_carrier(), envelope(to, sender=sender))

    assert (outcome.verdict, outcome.error_code, outcome.opted_out) == (verdict, code, opted_out)
    assert outcome.reason
    assert to not in outcome.reason
    assert sandbox.ledger() == []


@pytest.mark.parametrize(
    ("faults", "verdict", "accepted"),
    [
        (Faults(timeout=1.0), Verdict.AMBIGUOUS, 0),
        (Faults(refuse=1.0), Verdict.AMBIGUOUS, 0),
        (Faults(accept_then_drop=1.0), Verdict.AMBIGUOUS, 1),
        (Faults(server_error=1.0), Verdict.AMBIGUOUS, 0),
        (Faults(server_error_after_creation=1.0), Verdict.AMBIGUOUS, 1),
        (Faults(too_many_requests=1.0), Verdict.TRANSIENT, 0),
    ],
)
def test_what_may_have_been_taken_is_ambiguous(
    open_carrier: OpenCarrier, sandbox: Sandbox, faults: Faults, verdict: Verdict, accepted: int
) -> None:
    sandbox.set_faults(faults)

    (outcome,) = send(open_carrier(), envelope())

    assert outcome.verdict is verdict
    assert len(sandbox.ledger()) == accepted


def test_the_carrier_says_when_to_come_back(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(too_many_requests=Next(count=1), retry_after_seconds=7))

    first, second = send(open_carrier(carrier_connections=1), envelope(), envelope("+12025550124"))

    assert {first.retry_after_seconds, second.retry_after_seconds} == {7.0, None}


def test_a_carrier_that_cannot_be_reached_has_nothing(open_carrier: OpenCarrier, free_port: int) -> None:
    carrier = open_carrier(twilio_api_base_url=f"http://127.0.0.1:{free_port}")

    (outcome,) = send(carrier, envelope())

    assert outcome.verdict is Verdict.TRANSIENT


def test_wrong_credentials_are_the_senders_matter(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    (outcome,) = send(open_carrier(twilio_auth_token="wrong"), envelope())

    assert (outcome.verdict, outcome.error_code) == (Verdict.SENDER, "20003")
