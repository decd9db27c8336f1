"""The ways the carrier can be told to fail: what the client sees, and what was done all the same."""

import time
from dataclasses import replace

import pytest
import requests
from callback_receiver import CallbackReceiver
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client
from twilio_clients import sync_client

from tools.sandbox.control import Faults, Next, Sandbox

SENDER = "+15005550006"
MEMBER = "+15551230001"
OTHER = "+15551230002"


def send(client: Client, *, to: str = MEMBER, callback: str | None = None) -> str:
    extra = {} if callback is None else {"status_callback": callback}
    return str(client.messages.create(to=to, from_=SENDER, body="Hello", **extra).sid)


def test_latency_delays_answers_and_keeps_concurrent_ones_concurrent(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(latency_ms=80, latency_jitter_ms=40))
    began = time.monotonic()

    sid = send(client)
    took_seconds = time.monotonic() - began
    client.messages(sid).fetch()

    assert 0.08 <= took_seconds < 0.3
    assert time.monotonic() - began >= 0.16


def test_statuses_run_only_once_the_late_answer_is_out(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    carrier.set_faults(Faults(latency_ms=150))

    send(client, callback=receiver.base_url)

    assert receiver.received == []
    assert len(receiver.wait_for(3)) == 3


def test_a_timeout_creates_nothing(carrier: Sandbox) -> None:
    carrier.set_faults(Faults(timeout=Next(count=1)))
    client = sync_client(carrier.base_url, timeout_seconds=0.2)

    with pytest.raises(requests.ReadTimeout):
        send(client)
    assert carrier.ledger() == []

    assert send(client)


def test_a_refused_connection_creates_nothing(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(refuse=Next(count=1)))

    with pytest.raises(requests.ConnectionError):
        send(client)
    assert carrier.ledger() == []

    assert send(client)


def test_accept_then_drop_creates_and_calls_back_but_does_not_answer(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    carrier.set_faults(Faults(accept_then_drop=Next(count=1)))

    with pytest.raises(requests.ConnectionError):
        send(client, callback=receiver.base_url + "/?attempt=1")

    assert [row.to for row in carrier.ledger()] == [MEMBER]
    assert receiver.wait_for(3)[2].status == "delivered"
    assert [message.to for message in client.messages.list(to=MEMBER)] == [MEMBER]


@pytest.mark.parametrize("retry_after_seconds", [None, 7])
def test_too_many_requests(client: Client, carrier: Sandbox, retry_after_seconds: int | None) -> None:
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


def test_messages_can_be_unreadable(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(unreadable=1.0))
    sid = send(client)

    with pytest.raises(TwilioException):
        client.messages.list()
    with pytest.raises(TwilioRestException) as refusal:
        client.messages(sid).fetch()
    assert refusal.value.status == 500

    carrier.clear_faults()
    assert [message.sid for message in client.messages.list()] == [sid]


def test_the_next_requests_fail_and_those_after_do_not(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(server_error=Next(count=3)))

    assert outcomes(client, 5) == [False, False, False, True, True]


def test_faults_can_be_limited_to_one_number(client: Client, carrier: Sandbox) -> None:
    carrier.set_faults(Faults(server_error=Next(count=1), unreadable=1.0, only_to=OTHER))

    assert send(client, to=MEMBER)
    with pytest.raises(TwilioRestException):
        send(client, to=OTHER)
    assert len(client.messages.list()) == 1
    with pytest.raises(TwilioException):
        client.messages.list(to=OTHER)


def test_a_seed_repeats_a_run(client: Client, carrier: Sandbox) -> None:
    runs: list[list[bool]] = []
    for seed in (7, 7, 8):
        carrier.set_faults(Faults(server_error=0.5, seed=seed))
        runs.append(outcomes(client, 40))

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert 5 < sum(runs[0]) < 35


def outcomes(client: Client, count: int) -> list[bool]:
    """Whether each of so many sends succeeded."""
    succeeded: list[bool] = []
    for _ in range(count):
        try:
            send(client)
        except TwilioRestException:
            succeeded.append(False)
        else:
            succeeded.append(True)
    return succeeded
