"""Status callbacks: their fields, their signature, connections and retries."""

import socket

import pytest
from callback_receiver import IN_ORDER, MEMBER, SENDER, CallbackReceiver, send
from carrier_process import running_carrier
from twilio.rest import Client
from twilio_clients import sync_client

from tests.harness.waiting import wait_until
from tools.sandbox.control import Faults, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID


def test_every_status_but_the_first_is_reported_and_signed(client: Client, receiver: CallbackReceiver) -> None:
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
def test_a_url_without_a_path_is_signed_as_given(client: Client, receiver: CallbackReceiver, path: str) -> None:
    send(client, receiver, path=path)

    callback = receiver.wait_for(3)[0]

    assert callback.url.removeprefix(receiver.base_url) == (path if path.startswith("/") else f"/{path}")
    if path == "/":
        assert callback.is_signed


def test_a_failure_is_reported_with_its_code(client: Client, receiver: CallbackReceiver) -> None:
    send(client, receiver, to="+15005530005")

    last = receiver.wait_for(3)[2]

    assert (last.status, last.form["ErrorCode"]) == ("undelivered", "30005")
    assert last.is_signed


def test_callbacks_name_the_messaging_service(client: Client, receiver: CallbackReceiver) -> None:
    service = "MG" + "1" * 32
    client.messages.create(
        to=MEMBER, messaging_service_sid=service, body="Hello", status_callback=receiver.base_url + "/sms"
    )

    received = receiver.wait_for(4)

    assert [callback.status for callback in received] == ["queued", *IN_ORDER]
    assert {callback.form["MessagingServiceSid"] for callback in received} == {service}
    assert all(callback.is_signed and callback.form["From"] == SENDER for callback in received)


def test_a_number_without_receipts_stays_sent(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callbacks_out_of_order=1.0))  # its callbacks are not held back for a final one
    send(client, receiver, to="+15005530000")
    carrier.wait_until_quiet()

    assert receiver.statuses() == ["sending", "sent"]
    assert carrier.ledger()[0].status == "sent"


def test_connections_are_persistent_and_bounded(receiver: CallbackReceiver) -> None:
    with running_carrier("--callback-connections", "8") as url:
        carrier, client = Sandbox(url), sync_client(url)
        carrier.hold_callbacks()
        for n in range(20):
            send(client, receiver, to=f"+1555123{n:04d}")
        carrier.wait_until_quiet()
        assert receiver.received == []
        assert carrier.summary().callbacks["held"] == 60

        receiver.may_answer.clear()
        carrier.release_callbacks()
        wait_until(lambda: receiver.at_once == 8)
        receiver.may_answer.set()
        received = receiver.wait_for(60)

        assert receiver.most_at_once == 8
        assert len({callback.client_port for callback in received}) == 8
        assert carrier.wait_until_quiet().callbacks["answered"] == 60


@pytest.mark.parametrize("answer", [500, 503, 429])
def test_a_failed_callback_is_retried(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver, answer: int
) -> None:
    receiver.answers.append(answer)

    send(client, receiver)

    receiver.wait_for(4)
    assert sorted(receiver.statuses()) == sorted([*IN_ORDER, "sending"])
    counts = carrier.wait_until_quiet().callbacks
    assert (counts["answered"], counts["retried"], counts["given_up"]) == (3, 1, 0)


def test_a_rejected_callback_is_not_retried(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    receiver.answers.extend([403, 403, 403])

    send(client, receiver)

    receiver.wait_for(3)
    assert carrier.wait_until_quiet().callbacks["refused"] == 3
    assert receiver.statuses() == IN_ORDER


def test_an_unanswered_callback_is_aborted_and_retried(receiver: CallbackReceiver) -> None:
    receiver.may_answer.clear()
    with running_carrier("--callback-timeout-ms", "50", "--callback-backoff-ms", "20") as url:
        carrier = Sandbox(url)
        send(sync_client(url), receiver)

        receiver.wait_for(4)

        assert carrier.summary().callbacks["retried"] >= 1
        receiver.may_answer.set()
        carrier.wait_until_quiet()


def test_callbacks_to_a_closed_port_are_given_up(client: Client, carrier: Sandbox) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # reserves the port; without listen() connections are refused
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/sms"
        client.messages.create(to=MEMBER, from_=SENDER, body="Hello", status_callback=url)

        counts = carrier.wait_until_quiet().callbacks

    assert (counts["given_up"], counts["retried"]) == (3, 12)


def test_the_time_in_each_status_can_be_set(receiver: CallbackReceiver) -> None:
    delays = ("--sending-after-ms", "0", "--sent-after-ms", "0", "--finished-after-ms", "3600000")
    with running_carrier(*delays, "--callback-connections", "1") as url:
        send(sync_client(url), receiver)

        assert [callback.status for callback in receiver.wait_for(2)] == ["sending", "sent"]
        assert [row.status for row in Sandbox(url).ledger()] == ["sent"]
