"""Faults of the carrier: what the client receives, and what the carrier did."""

import time
from dataclasses import replace

import pytest
import requests
from callback_receiver import CallbackReceiver
from raw_http import create_request, unanswered
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from tests.harness.waiting import wait_until
from tools.sandbox.control import Faults, Next, Sandbox

SENDER = "+15005550006"
MEMBER = "+15551230001"
OTHER = "+15551230002"


def send(client: Client, *, to: str = MEMBER, callback: str | None = None) -> str:
    extra = {} if callback is None else {"status_callback": callback}
    return str(client.messages.create(to=to, from_=SENDER, body="Hello", **extra).sid)


def test_answers_come_no_earlier_than_the_latency(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(latency_ms=40, latency_jitter_ms=20))

    began = time.monotonic()
    sid = send(client)
    created = time.monotonic()
    client.messages(sid).fetch()

    assert created - began >= 0.04
    assert time.monotonic() - created >= 0.04


def test_a_delayed_answer_delays_only_its_own_message(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(latency_ms=3_600_000, only_to=MEMBER))

    with unanswered(carrier.base_url, create_request(MEMBER.removeprefix("+"))):
        wait_until(lambda: len(carrier.ledger()) == 1)
        send(client, to=OTHER)
        wait_until(lambda: carrier.ledger()[1].status == "delivered")
        assert carrier.ledger()[0].status == "queued"


def test_statuses_follow_a_delayed_answer(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(latency_ms=20))

    send(client, callback=receiver.base_url)

    assert len(receiver.wait_for(3)) == 3


def test_a_timeout_creates_nothing(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(timeout=Next(count=1)))

    with unanswered(carrier.base_url, create_request(MEMBER.removeprefix("+"))):
        wait_until(lambda: carrier.summary().faults_drawn == {"timeout": 1})
        assert carrier.ledger() == []
        assert send(client)


def test_a_refused_connection_creates_nothing(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(refuse=Next(count=1)))

    with pytest.raises(requests.ConnectionError):
        send(client)
    assert carrier.ledger() == []

    assert send(client)


def test_accept_then_drop_creates_the_message_and_does_not_answer(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    carrier.set_faults(Faults(accept_then_drop=Next(count=1)))

    with pytest.raises(requests.ConnectionError):
        send(client, callback=receiver.base_url + "/?attempt=1")

    assert [row.to for row in carrier.ledger()] == [MEMBER]
    assert receiver.wait_for(3)[2].status == "delivered"
    assert [message.to for message in client.messages.list(to=MEMBER)] == [MEMBER]


@pytest.mark.parametrize("retry_after_seconds", [None, 7])
def test_too_many_requests_is_a_429_and_creates_nothing(
    client: Client, carrier: Sandbox, retry_after_seconds: int | None
) -> None:
    carrier.set_faults(Faults(too_many_requests=Next(count=1), retry_after_seconds=retry_after_seconds))

    with pytest.raises(TwilioRestException) as refusal:
        send(client)

    assert (refusal.value.status, refusal.value.code) == (429, 20429)
    headers = vars(client.http_client)["_test_only_last_response"].headers
    assert headers.get("Retry-After") == (None if retry_after_seconds is None else "7")
    assert carrier.ledger() == []


@pytest.mark.parametrize(("fault", "created"), [("server_error", 0), ("server_error_after_creation", 1)])
def test_server_errors_before_and_after_creation(client: Client, carrier: Sandbox, fault: str, created: int) -> None:
    carrier.set_faults(replace(Faults(), **{fault: Next(count=1)}))

    with pytest.raises(TwilioRestException) as refusal:
        send(client)

    assert refusal.value.status == 500
    assert len(carrier.ledger()) == created
    assert carrier.summary().faults_drawn == {fault: 1}


def test_unreadable_messages_cannot_be_fetched_or_listed(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(unreadable=1.0))
    sid = send(client)

    with pytest.raises(TwilioException):
        client.messages.list()
    with pytest.raises(TwilioRestException) as refusal:
        client.messages(sid).fetch()
    assert refusal.value.status == 500

    carrier.clear_faults()
    assert [message.sid for message in client.messages.list()] == [sid]


def test_a_fault_for_the_next_requests_ends_after_them(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(server_error=Next(count=3)))

    assert outcomes(client, 5) == [False, False, False, True, True]


def test_faults_can_be_limited_to_one_recipient(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(server_error=Next(count=1), unreadable=1.0, only_to=OTHER))

    assert send(client, to=MEMBER)
    with pytest.raises(TwilioRestException):
        send(client, to=OTHER)
    assert len(client.messages.list()) == 1
    with pytest.raises(TwilioException):
        client.messages.list(to=OTHER)


def test_the_same_seed_repeats_the_same_faults(client: Client, carrier: Sandbox) -> None:
    runs: list[list[bool]] = []
    for seed in (7, 7, 8):
        carrier.set_faults(Faults(server_error=0.5, seed=seed))
        runs.append(outcomes(client, 40))

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert 5 < sum(runs[0]) < 35


def outcomes(client: Client, count: int) -> list[bool]:
    """Return whether each of `count` sends succeeded."""
    succeeded: list[bool] = []
    for _ in range(count):
        try:
            send(client)
        except TwilioRestException:
            succeeded.append(False)
        else:
            succeeded.append(True)
    return succeeded
