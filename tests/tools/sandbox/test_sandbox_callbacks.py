"""Status callbacks: what they say, how they are signed, and how the carrier carries them."""

import time

import pytest
from callback_receiver import IN_ORDER, MEMBER, SENDER, CallbackReceiver, send
from carrier_process import running_carrier
from twilio.rest import Client
from twilio_clients import sync_client

from tools.sandbox.control import Faults, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID


def test_every_status_but_the_first_is_told_and_signed(client: Client, receiver: CallbackReceiver) -> None:
    sid = send(client, receiver, path="/callbacks/sms?attempt=0192f0c4&church=a%26b")

    received = sorted(receiver.wait_for(3), key=lambda callback: IN_ORDER.index(callback.status))

    assert [callback.status for callback in received] == IN_ORDER
    assert all(callback.is_signed for callback in received)
    assert received[0].url == receiver.base_url + "/callbacks/sms?attempt=0192f0c4&church=a%26b"
    assert received[2].form == {
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": "delivered",
        "SmsStatus": "delivered",
        "To": MEMBER,
        "From": SENDER,
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
    }


@pytest.mark.parametrize("path", ["", "?attempt=1", "/"])
def test_addresses_without_a_path_are_signed_as_given(client: Client, receiver: CallbackReceiver, path: str) -> None:
    send(client, receiver, path=path)

    callback = receiver.wait_for(3)[0]

    assert callback.url.removeprefix(receiver.base_url) == (path if path.startswith("/") else f"/{path}")
    if path == "/":
        assert callback.is_signed


def test_a_failure_carries_its_code(client: Client, receiver: CallbackReceiver) -> None:
    send(client, receiver, to="+15005530005")

    last = receiver.wait_for(3)[2]

    assert (last.status, last.form["ErrorCode"]) == ("undelivered", "30005")
    assert last.is_signed


def test_a_messaging_service_is_named(client: Client, receiver: CallbackReceiver) -> None:
    service = "MG" + "1" * 32
    client.messages.create(
        to=MEMBER, messaging_service_sid=service, body="Hello", status_callback=receiver.base_url + "/sms"
    )

    received = receiver.wait_for(4)

    assert [callback.status for callback in received] == ["queued", *IN_ORDER]
    assert {callback.form["MessagingServiceSid"] for callback in received} == {service}
    assert all(callback.is_signed and callback.form["From"] == SENDER for callback in received)


def test_a_number_without_receipts_stays_sent(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callbacks_out_of_order=1.0))  # nor do its callbacks wait for a last one
    send(client, receiver, to="+15005530000")
    carrier.wait_until_quiet()

    assert receiver.statuses() == ["sending", "sent"]
    assert carrier.ledger()[0].status == "sent"


def test_connections_are_kept_and_bounded(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    receiver.answer_delay_seconds = 0.01
    carrier.hold_callbacks()
    for n in range(20):
        send(client, receiver, to=f"+1555123{n:04d}")
    carrier.wait_until_quiet()
    assert receiver.received == []
    assert carrier.summary().callbacks["held"] == 60

    carrier.release_callbacks()
    received = receiver.wait_for(60)

    assert 2 <= receiver.most_at_once <= 8
    assert len({callback.client_port for callback in received}) <= 8
    assert carrier.wait_until_quiet().callbacks["answered"] == 60


@pytest.mark.parametrize("answer", [500, 503, 429])
def test_a_failed_callback_is_made_again(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver, answer: int
) -> None:
    receiver.answers.append(answer)

    send(client, receiver)

    receiver.wait_for(4)
    assert sorted(receiver.statuses()) == sorted([*IN_ORDER, "sending"])
    counts = carrier.wait_until_quiet().callbacks
    assert (counts["answered"], counts["retried"], counts["given_up"]) == (3, 1, 0)


def test_a_rejected_callback_is_not_made_again(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    receiver.answers.extend([403, 403, 403])

    send(client, receiver)

    receiver.wait_for(3)
    assert carrier.wait_until_quiet().callbacks["refused"] == 3
    assert receiver.statuses() == IN_ORDER


def test_an_unanswered_callback_is_cut_off_and_made_again(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    receiver.answer_delay_seconds = 0.8

    send(client, receiver)

    receiver.wait_for(4)
    receiver.answer_delay_seconds = 0.0
    assert carrier.wait_until_quiet().callbacks["retried"] >= 1


def test_callbacks_to_nobody_are_given_up_and_hurt_nothing(client: Client, carrier: Sandbox) -> None:
    nobody = CallbackReceiver()
    nobody.close()

    send(client, nobody)

    counts = carrier.wait_until_quiet().callbacks
    assert (counts["given_up"], counts["retried"]) == (3, 12)


def test_the_pace_can_be_set(receiver: CallbackReceiver) -> None:
    with running_carrier("--sending-after-ms", "0", "--sent-after-ms", "0", "--finished-after-ms", "200") as url:
        began = time.monotonic()
        send(sync_client(url), receiver)
        receiver.wait_for(2)
        assert time.monotonic() - began < 0.15
        receiver.wait_for(3)
        assert time.monotonic() - began >= 0.2
