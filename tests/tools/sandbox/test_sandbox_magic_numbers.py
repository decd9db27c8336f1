"""Magic numbers: they cover every code that the product classifies, and are documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from channels.twilio.errors import RETRYABLE_RECEIPT_CODES, SUBMISSION_CODES
from tools.sandbox.control import Sandbox
from tools.sandbox.messages.errors import ERRORS, LATER_ERRORS
from tools.sandbox.messages.magic_numbers import OUTCOMES, REFUSED_RECIPIENTS, REFUSED_SENDERS

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
MEMBER, SENDER = "+15551230001", "+15005550006"


@pytest.mark.parametrize("to", REFUSED_RECIPIENTS)
def test_a_refused_recipient_gets_its_code_and_creates_no_message(client: Client, carrier: Sandbox, to: str) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.messages.create(to=to, from_=SENDER, body="Hello")

    assert refusal.value.code == REFUSED_RECIPIENTS[to]
    assert refusal.value.status == ERRORS[REFUSED_RECIPIENTS[to]][0]
    assert carrier.ledger() == []


def test_an_accepted_message_ends_with_the_outcome_of_its_number(client: Client, carrier: Sandbox) -> None:
    for to in OUTCOMES:
        client.messages.create(to=to, from_=SENDER, body="Hello")
    carrier.wait_until_quiet()

    messages = {message.to: message for message in client.messages.list()}

    assert messages.keys() == OUTCOMES.keys()
    for to, outcome in OUTCOMES.items():
        error = None if outcome.error_code is None else LATER_ERRORS[outcome.error_code]
        assert (messages[to].status, messages[to].error_code, messages[to].error_message) == (
            outcome.status or outcome.after,
            outcome.error_code,
            error,
        )


@pytest.mark.parametrize("sender", ["+15005550000", "+15005550002", "+15005550009", "+15005551234", "+15005559999"])
def test_other_senders_in_the_magic_range_are_refused(client: Client, carrier: Sandbox, sender: str) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.messages.create(to=MEMBER, from_=sender, body="Hello")

    assert refusal.value.code == 21606
    assert carrier.ledger() == []


@pytest.mark.parametrize("sender", ["+15005550006", "+12025550199", "12345", "Grace"])
def test_the_valid_magic_sender_and_all_outside_the_range_are_accepted(client: Client, sender: str) -> None:
    assert client.messages.create(to=MEMBER, from_=sender, body="Hello").status == "queued"


def test_every_code_that_the_product_classifies_can_be_produced() -> None:
    produced = {
        *REFUSED_RECIPIENTS.values(),
        *REFUSED_SENDERS.values(),
        *(outcome.error_code for outcome in OUTCOMES.values()),
    }

    assert {*SUBMISSION_CODES, *map(int, RETRYABLE_RECEIPT_CODES)} - produced == set()


@pytest.mark.parametrize("number", [*REFUSED_SENDERS, *REFUSED_RECIPIENTS, *OUTCOMES])
def test_every_number_is_documented_with_its_code(number: str) -> None:
    codes = {REFUSED_SENDERS.get(number), REFUSED_RECIPIENTS.get(number)}
    codes |= {OUTCOMES[number].error_code} if number in OUTCOMES else set()
    rows = [line for line in PAGE.splitlines() if re.match(rf"\| `{re.escape(number)}`", line)]

    for code in codes - {None}:
        assert any(str(code) in row for row in rows), (number, code)
    assert rows
