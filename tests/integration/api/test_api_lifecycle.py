"""POST /api/messages/{id}/cancel, pause and resume: what is said is done, exactly and once."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from messaging.states import Status
from store.database import Database
from store.deliveries import DeliveryUpdate
from tests.harness.churches import KnownChurch
from tests.integration.api.messages_in_progress import EVERYTHING, message_with, say, told
from tests.integration.store.ledger import Ledger, numbers, sent

MIXED = {
    Status.SENT: 2,
    Status.DELIVERED: 3,
    Status.UNDELIVERED: 1,
    Status.FAILED: 2,
    Status.UNKNOWN: 1,
    Status.SENDING: 2,
    Status.QUEUED: 4,
}


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def test_canceling_spares_what_was_not_submitted_and_nothing_else(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, MIXED)
    other = message_with(ledger, church.church_id, {Status.QUEUED: 2}, first=50)

    answer = say(client, church, message, "cancel")

    left = {status: count for status, count in MIXED.items() if status is not Status.QUEUED}
    assert told(answer) == ("canceled", left | {Status.CANCELED: 4})
    assert ledger.counts(other) == {Status.QUEUED: 2}
    assert ledger.claim(church.church_id).taken == 2, "the other message's"


def test_pausing_moves_no_delivery_and_nothing_is_claimed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, MIXED)

    assert told(say(client, church, message, "pause")) == ("paused", MIXED)

    assert ledger.claim(church.church_id).taken == 0
    assert ledger.due_batches() == []


def test_resuming_brings_back_the_rest_before_later_messages_and_rings(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, enqueued: list[tuple[str, ...]]
) -> None:
    message = message_with(ledger, church.church_id, MIXED)
    message_with(ledger, church.church_id, {Status.QUEUED: 2}, first=50)
    say(client, church, message, "pause")

    assert told(say(client, church, message, "resume")) == ("sending", MIXED)

    addresses = [envelope.address for envelope in ledger.claim(church.church_id).envelopes]
    assert len(addresses) == len(set(addresses)) == 6
    assert set(addresses[4:]) == set(numbers(2, first=50))
    assert ("submit_batch", str(church.church_id), "sms") in enqueued


@pytest.mark.parametrize("words", [["cancel"], ["pause"], ["pause", "resume"]], ids="-".join)
def test_repeating_changes_nothing(client: FlaskClient, church: KnownChurch, ledger: Ledger, words: list[str]) -> None:
    message = message_with(ledger, church.church_id, MIXED)
    answers = [say(client, church, message, word) for word in words]
    before = ledger.query(EVERYTHING)

    again = say(client, church, message, words[-1])

    assert again.get_json() == answers[-1].get_json()
    assert ledger.query(EVERYTHING) == before


@pytest.mark.parametrize(
    ("words", "status", "claimed"),
    [(["cancel"], "canceled", 0), (["pause"], "paused", 0), (["pause", "resume"], "accepted", 3)],
)
def test_a_message_without_audience_yet_is_steered_too(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, words: list[str], status: str, claimed: int
) -> None:
    message = ledger.compose(church.church_id, {"phoneNumbers": numbers(3)})

    answers = [say(client, church, message, word) for word in words]

    assert told(answers[-1]) == (status, {})
    ledger.expand(church.church_id, message)
    assert ledger.claim(church.church_id).taken == claimed


def test_a_paused_audience_written_meanwhile_is_sent_on_resume(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = ledger.compose(church.church_id, {"phoneNumbers": numbers(3)})
    say(client, church, message, "pause")
    assert ledger.expand(church.church_id, message) == 3

    assert told(say(client, church, message, "resume")) == ("sending", {Status.QUEUED: 3})

    assert ledger.claim(church.church_id).taken == 3


@pytest.mark.parametrize(("word", "becomes"), [("cancel", {Status.CANCELED: 1}), ("pause", {Status.QUEUED: 1})])
def test_what_comes_back_from_the_carrier_afterwards_is_not_sent(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, word: str, becomes: dict[Status, int]
) -> None:
    message = ledger.send(church.church_id, numbers(1))
    [envelope] = ledger.claim(church.church_id).envelopes
    say(client, church, message, word)
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.QUEUED, delay_seconds=0)])

    assert ledger.claim(church.church_id).envelopes == []

    assert ledger.counts(message) == becomes


def test_what_slipped_into_the_queue_while_paused_is_sent_soon_after_resuming(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    """Also when the claim that puts it off still saw the pause, and the resumption did not see what was put off."""
    message = ledger.send(church.church_id, numbers(1))
    [envelope] = ledger.claim(church.church_id).envelopes
    say(client, church, message, "pause")
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.QUEUED, delay_seconds=0)])
    ledger.claim(church.church_id)
    ledger.query("UPDATE messages SET paused_at = NULL")

    [(due_in,)] = ledger.query("SELECT extract(epoch FROM due_at - now()) FROM deliveries")
    assert 0 < due_in <= 10


def test_a_doubt_may_still_be_canceled(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    message = message_with(ledger, church.church_id, {Status.SENT: 1, Status.UNKNOWN: 1})

    answer = say(client, church, message, "cancel")

    assert told(answer) == ("canceled", {Status.SENT: 1, Status.UNKNOWN: 1})


def test_a_resumed_message_completes(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    message = message_with(ledger, church.church_id, {Status.QUEUED: 2})
    say(client, church, message, "pause")
    say(client, church, message, "resume")

    ledger.record(sent(ledger.claim(church.church_id)))
    ledger.complete(church.church_id)

    assert told(say(client, church, message, "resume")) == ("completed", {Status.SENT: 2})
