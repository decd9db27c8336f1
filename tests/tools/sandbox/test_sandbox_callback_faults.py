"""Callbacks that are lost, repeated, late or out of order, and the reset that drops them."""

import time

from callback_receiver import IN_ORDER, CallbackReceiver, send
from twilio.rest import Client

from tools.sandbox.control import Faults, Next, Sandbox


def test_lost_callbacks_never_come(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callback_lost=Next(count=2)))

    send(client, receiver)

    assert carrier.wait_until_quiet().callbacks["lost"] == 2
    assert [callback.status for callback in receiver.wait_for(1)] == ["delivered"]


def test_repeated_callbacks_come_twice(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callback_repeated=1.0))

    send(client, receiver)

    receiver.wait_for(6)
    assert sorted(receiver.statuses()) == sorted(IN_ORDER * 2)


def test_late_callbacks_come_late(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callback_late=Next(count=1), callback_late_ms=150))

    send(client, receiver)

    receiver.wait_for(3)
    assert receiver.statuses() == ["sent", "delivered", "sending"]


def test_callbacks_out_of_order_come_last_first(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callbacks_out_of_order=1.0))

    send(client, receiver)

    receiver.wait_for(3)
    assert receiver.statuses() == ["delivered", "sent", "sending"]


def test_a_reset_drops_callbacks_to_come(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.hold_callbacks()
    send(client, receiver)
    carrier.wait_until_quiet()

    carrier.reset()
    carrier.release_callbacks()
    time.sleep(0.1)

    assert receiver.received == []
