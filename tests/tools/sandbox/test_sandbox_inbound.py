"""Messages from people: signed webhooks that are repeated, and the carrier's own list of who sent STOP."""

from __future__ import annotations

import time

import pytest
from callback_receiver import MEMBER, SENDER, CallbackReceiver
from carrier_process import running_carrier
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.harness.waiting import wait_until
from tools.sandbox.control import Faults, InboundRow, Next, Sandbox, SandboxError
from tools.sandbox.credentials import ACCOUNT_SID

SERVICE = "MG" + "1" * 32


@pytest.fixture(autouse=True)
def inbound(carrier: Sandbox, receiver: CallbackReceiver) -> None:
    carrier.set_inbound(url=f"{receiver.base_url}/inbound/sms#rc=5&rp=5xx", opt_out_handling="default")


def answered(carrier: Sandbox) -> list[InboundRow]:
    wait_until(lambda: carrier.summary().inbound_waiting == 0, condition="the webhooks are answered")
    return carrier.inbound()


def refusal(client: Client, *, to: str = MEMBER, service: str | None = None) -> int | None:
    """The code with which a message is refused; None if it is accepted."""
    try:
        if service is None:
            client.messages.create(to=to, from_=SENDER, body="Hello")
        else:
            client.messages.create(to=to, messaging_service_sid=service, body="Hello")
    except TwilioRestException as error:
        return error.code
    return None


def test_the_webhook_is_signed_and_has_the_fields_of_twilio(carrier: Sandbox, receiver: CallbackReceiver) -> None:
    sid = carrier.write("Grüße & Ähm 🎉", sender=MEMBER, to=SENDER, media=["https://media.example/a.png"])

    [received] = receiver.wait_for(1)

    assert received.is_signed
    assert received.url == f"{receiver.base_url}/inbound/sms"
    assert received.form == {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "Body": "Grüße & Ähm 🎉",
        "From": MEMBER,
        "MediaContentType0": "image/png",
        "MediaUrl0": "https://media.example/a.png",
        "MessageSid": sid,
        "NumMedia": "1",
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": SENDER,
    }


def test_a_failed_webhook_is_repeated_and_a_refused_one_is_not(carrier: Sandbox, receiver: CallbackReceiver) -> None:
    receiver.answers.extend([503, 500, 200, 403])

    carrier.write("Hello", sender=MEMBER, to=SENDER)
    first = answered(carrier)[0]
    carrier.write("Hello", sender=MEMBER, to=SENDER)
    second = answered(carrier)[1]

    assert (first.attempts, first.status) == (3, 200)
    assert (second.attempts, second.status) == (1, 403)
    assert len({received.form["MessageSid"] for received in receiver.received[:3]}) == 1


def test_the_list_says_when_a_webhook_was_answered_and_that_it_is_not_repeated(
    carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    receiver.answers.extend([503, 200, 403])
    before = time.time()
    carrier.write("Hello", sender=MEMBER, to=SENDER)
    answered(carrier)
    carrier.write("Hello", sender=MEMBER, to=SENDER)
    taken, refused = answered(carrier)

    assert taken.answered_at is not None
    assert before < taken.answered_at < time.time()
    assert refused.answered_at is None
    assert taken.is_done
    assert refused.is_done


def test_a_message_may_be_delivered_again_by_its_sid_or_by_a_fault(
    carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    sid = carrier.write("Hello", sender=MEMBER, to=SENDER)
    carrier.write("Hello", sender=MEMBER, to=SENDER, sid=sid)
    carrier.set_faults(Faults(callback_repeated=Next(count=1)))
    other = carrier.write("Hello", sender=MEMBER, to=SENDER)

    received = receiver.wait_for(4)

    assert [each.form["MessageSid"] for each in received] == [sid, sid, other, other]


def test_who_sent_stop_is_refused_by_that_sender_until_start(carrier: Sandbox, client: Client) -> None:
    carrier.write("stop ", sender=MEMBER, to=SENDER)

    assert refusal(client) == 21610
    assert refusal(client, to="+15551230002") is None
    assert refusal(client, service=SERVICE) is None
    assert carrier.summary().opted_out == 1
    carrier.write("Start", sender=MEMBER, to=SENDER)
    assert refusal(client) is None
    stop, start = answered(carrier)
    assert "unsubscribed" in (stop.carrier_answer or "")
    assert "re-subscribed" in (start.carrier_answer or "")
    assert (stop.opt_out_type, start.opt_out_type) == (None, None)


def test_a_stop_to_a_messaging_service_is_about_the_service(carrier: Sandbox, client: Client) -> None:
    carrier.write("STOP", sender=MEMBER, to=SENDER, messaging_service_sid=SERVICE)

    assert refusal(client, service=SERVICE) == 21610
    assert refusal(client) is None


def test_other_words_are_passed_on_without_effect(carrier: Sandbox, client: Client) -> None:
    carrier.write("please stop", sender=MEMBER, to=SENDER)

    assert refusal(client) is None
    assert answered(carrier)[0].carrier_answer is None


def test_with_advanced_opt_out_the_webhook_says_what_was_recognized(
    carrier: Sandbox, receiver: CallbackReceiver
) -> None:
    carrier.set_inbound(opt_out_handling="advanced")
    carrier.write("Quit", sender=MEMBER, to=SENDER)
    carrier.write("Adios", sender=MEMBER, to=SENDER, opt_out_type="STOP")
    carrier.write("Amen", sender=MEMBER, to=SENDER)

    forms = [received.form for received in receiver.wait_for(3)]

    assert [form.get("OptOutType") for form in forms] == ["STOP", "STOP", None]


def test_the_handling_can_be_switched_off(carrier: Sandbox, client: Client) -> None:
    carrier.set_inbound(opt_out_handling="off")
    carrier.write("STOP", sender=MEMBER, to=SENDER)

    assert refusal(client) is None
    assert answered(carrier)[0].carrier_answer is None


def test_a_reset_forgets_messages_and_opt_outs(carrier: Sandbox, client: Client) -> None:
    carrier.write("STOP", sender=MEMBER, to=SENDER)
    carrier.reset()

    assert carrier.inbound() == []
    assert refusal(client) is None


def test_a_request_that_is_not_valid_is_refused_with_the_reason(carrier: Sandbox) -> None:
    with pytest.raises(SandboxError, match="optOutType must be one of STOP, START, HELP"):
        carrier.write("Hello", sender=MEMBER, to=SENDER, opt_out_type="NO")
    with pytest.raises(SandboxError, match="from must be a text"):
        carrier.write("Hello", sender="", to=SENDER)
    with pytest.raises(SandboxError, match="url must be a URL"):
        carrier.set_inbound(url="ftp://example.org")


def test_without_a_url_nothing_can_be_written() -> None:
    with running_carrier() as url, pytest.raises(SandboxError, match="no URL is set"):
        Sandbox(url).write("Hello", sender=MEMBER, to=SENDER)
