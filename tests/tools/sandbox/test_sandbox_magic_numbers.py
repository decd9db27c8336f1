"""The numbers that always meet the same fate: all that the product tells apart can be had, and all are documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from channels.twilio.errors import CODES, RETRYABLE_CODES
from tools.sandbox.control import Sandbox
from tools.sandbox.messages.errors import ERRORS, LATER_ERRORS
from tools.sandbox.messages.magic_numbers import FATES, REFUSED_RECIPIENTS, REFUSED_SENDERS

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
MEMBER, SENDER = "+15551230001", "+15005550006"


@pytest.mark.parametrize("to", REFUSED_RECIPIENTS)
def test_a_refused_recipient_gets_its_code_and_no_message(client: Client, carrier: Sandbox, to: str) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.messages.create(to=to, from_=SENDER, body="Hello")

    assert refusal.value.code == REFUSED_RECIPIENTS[to]
    assert refusal.value.status == ERRORS[REFUSED_RECIPIENTS[to]][0]
    assert carrier.ledger() == []


@pytest.mark.parametrize("to", FATES)
def test_an_accepted_message_ends_as_its_number_says(client: Client, carrier: Sandbox, to: str) -> None:
    sid = str(client.messages.create(to=to, from_=SENDER, body="Hello").sid)
    carrier.wait_until_quiet()

    message = client.messages(sid).fetch()

    fate = FATES[to]
    assert (message.status, message.error_code) == (fate.status or fate.after, fate.error_code)
    assert message.error_message == (None if fate.error_code is None else LATER_ERRORS[fate.error_code])


@pytest.mark.parametrize("sender", ["+15005550000", "+15005550002", "+15005550009", "+15005551234", "+15005559999"])
def test_no_other_sender_of_the_magic_range_is_the_accounts_own(client: Client, carrier: Sandbox, sender: str) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.messages.create(to=MEMBER, from_=sender, body="Hello")

    assert refusal.value.code == 21606
    assert carrier.ledger() == []


@pytest.mark.parametrize("sender", ["+15005550006", "+12025550199", "12345", "Grace"])
def test_the_good_magic_sender_and_all_outside_the_range_are_taken(client: Client, sender: str) -> None:
    assert client.messages.create(to=MEMBER, from_=sender, body="Hello").status == "queued"


def test_every_code_that_the_product_tells_apart_can_be_had() -> None:
    to_be_had = {*REFUSED_RECIPIENTS.values(), *REFUSED_SENDERS.values(), *(fate.error_code for fate in FATES.values())}

    assert {*CODES, *map(int, RETRYABLE_CODES)} - to_be_had == set()


@pytest.mark.parametrize("number", [*REFUSED_SENDERS, *REFUSED_RECIPIENTS, *FATES])
def test_every_number_is_documented_with_its_code(number: str) -> None:
    codes = {REFUSED_SENDERS.get(number), REFUSED_RECIPIENTS.get(number)}
    codes |= {FATES[number].error_code} if number in FATES else set()
    rows = [line for line in PAGE.splitlines() if re.match(rf"\| `{re.escape(number)}`", line)]

    for code in codes - {None}:
        assert any(str(code) in row for row in rows), (number, code)
    assert rows
