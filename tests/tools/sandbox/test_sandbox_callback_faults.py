"""Callbacks that are lost, repeated, late or out of order, and the reset that drops them."""

from callback_receiver import IN_ORDER, CallbackReceiver, send
from twilio.rest import Client

from tools.sandbox.control import Faults, Next, Sandbox


def test_lost_callbacks_are_not_sent(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callback_lost=Next(count=2)))

    send(client, receiver)

    assert carrier.wait_until_quiet().callbacks["lost"] == 2
    assert [callback.status for callback in receiver.wait_for(1)] == ["delivered"]


def test_repeated_callbacks_are_sent_twice(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callback_repeated=1.0))

    send(client, receiver)

    receiver.wait_for(6)
    assert sorted(receiver.statuses()) == sorted(IN_ORDER * 2)


def test_a_late_callback_is_sent_after_the_delay(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_faults(Faults(callback_late=Next(count=1), callback_late_ms=20))

    send(client, receiver)

    receiver.wait_for(3)
    assert sorted(receiver.statuses()) == sorted(IN_ORDER)


def test_a_late_callback_does_not_delay_the_others(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    carrier.set_faults(Faults(callback_late=Next(count=1), callback_late_ms=3_600_000))

    send(client, receiver)

    receiver.wait_for(2)
    assert receiver.statuses() == ["sent", "delivered"]
    assert carrier.summary().callbacks["waiting"] == 1


def test_callbacks_out_of_order_are_sent_in_reverse(
    client: Client, carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    carrier.set_faults(Faults(callbacks_out_of_order=1.0))

    send(client, receiver)

    receiver.wait_for(3)
    assert receiver.statuses() == ["delivered", "sent", "sending"]


def test_a_reset_drops_held_callbacks(client: Client, carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.hold_callbacks()
    send(client, receiver, path="/before")
    carrier.wait_until_quiet()

    carrier.reset()
    carrier.release_callbacks()
    send(client, receiver, path="/after")

    carrier.wait_until_quiet()
    assert {callback.url for callback in receiver.wait_for(3)} == {f"{receiver.base_url}/after"}
