"""POST /api/messages/{id}/cancel, pause and resume."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from messaging.states import Status
from store.database import Database
from store.deliveries import DeliveryUpdate
from tests.harness.churches import KnownChurch
from tests.integration.api.messages_in_progress import ALL_ROWS, message_with, post_action, status_and_counts
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


def test_canceling_cancels_unsubmitted_deliveries_only(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, MIXED)
    other = message_with(ledger, church.church_id, {Status.QUEUED: 2}, first=50)

    answer = post_action(client, church, message, "cancel")

    left = {status: count for status, count in MIXED.items() if status is not Status.QUEUED}
    assert status_and_counts(answer) == ("canceled", left | {Status.CANCELED: 4})
    assert ledger.counts(other) == {Status.QUEUED: 2}
    assert ledger.claim(church.church_id).taken == 2, "the other message's"


def test_no_delivery_of_a_paused_message_changes_or_is_claimed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, MIXED)

    assert status_and_counts(post_action(client, church, message, "pause")) == ("paused", MIXED)

    assert ledger.claim(church.church_id).taken == 0
    assert ledger.due_churches() == []


def test_resuming_sends_the_rest_before_later_messages_and_enqueues_a_job(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, enqueued: list[tuple[str, ...]]
) -> None:
    message = message_with(ledger, church.church_id, MIXED)
    message_with(ledger, church.church_id, {Status.QUEUED: 2}, first=50)
    post_action(client, church, message, "pause")

    assert status_and_counts(post_action(client, church, message, "resume")) == ("sending", MIXED)

    addresses = [envelope.address for envelope in ledger.claim(church.church_id).envelopes]
    assert len(addresses) == len(set(addresses)) == 6
    assert set(addresses[4:]) == set(numbers(2, first=50))
    assert ("submit_batch", str(church.church_id), "sms") in enqueued


@pytest.mark.parametrize("actions", [["cancel"], ["pause"], ["pause", "resume"]], ids="-".join)
def test_a_repeated_action_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, actions: list[str]
) -> None:
    message = message_with(ledger, church.church_id, MIXED)
    answers = [post_action(client, church, message, action) for action in actions]
    before = ledger.query(ALL_ROWS)

    again = post_action(client, church, message, actions[-1])

    assert again.get_json() == answers[-1].get_json()
    assert ledger.query(ALL_ROWS) == before


@pytest.mark.parametrize(
    ("actions", "status", "claimed"),
    [(["cancel"], "canceled", 0), (["pause"], "paused", 0), (["pause", "resume"], "accepted", 3)],
)
def test_a_message_that_is_not_expanded_can_be_canceled_paused_and_resumed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, actions: list[str], status: str, claimed: int
) -> None:
    message = ledger.compose(church.church_id, {"phoneNumbers": numbers(3)})

    answers = [post_action(client, church, message, action) for action in actions]

    assert status_and_counts(answers[-1]) == (status, {})
    ledger.expand(church.church_id, message)
    assert ledger.claim(church.church_id).taken == claimed


def test_a_message_that_is_expanded_while_paused_is_sent_after_it_is_resumed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = ledger.compose(church.church_id, {"phoneNumbers": numbers(3)})
    post_action(client, church, message, "pause")
    assert ledger.expand(church.church_id, message) == 3

    assert status_and_counts(post_action(client, church, message, "resume")) == ("sending", {Status.QUEUED: 3})

    assert ledger.claim(church.church_id).taken == 3


@pytest.mark.parametrize(("action", "expected"), [("cancel", {Status.CANCELED: 1}), ("pause", {Status.QUEUED: 1})])
def test_a_delivery_that_is_queued_again_after_a_cancel_or_pause_is_not_claimed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, action: str, expected: dict[Status, int]
) -> None:
    message = ledger.send(church.church_id, numbers(1))
    [envelope] = ledger.claim(church.church_id).envelopes
    post_action(client, church, message, action)
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.QUEUED, delay_seconds=0)])

    assert ledger.claim(church.church_id).envelopes == []

    assert ledger.counts(message) == expected


def test_a_delivery_postponed_during_a_pause_is_due_soon_after_the_resumption(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    """Also when the claim that postpones it saw the pause, and the resumption did not see the postponed delivery."""
    message = ledger.send(church.church_id, numbers(1))
    [envelope] = ledger.claim(church.church_id).envelopes
    post_action(client, church, message, "pause")
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.QUEUED, delay_seconds=0)])
    [(before,)] = ledger.query("SELECT clock_timestamp()")
    ledger.claim(church.church_id)
    [(after,)] = ledger.query("SELECT clock_timestamp()")
    ledger.query("UPDATE messages SET paused_at = NULL")

    [(due_at,)] = ledger.query("SELECT due_at FROM deliveries")
    assert before < due_at <= after + timedelta(seconds=10)


def test_a_message_with_a_delivery_in_doubt_can_be_canceled(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, {Status.SENT: 1, Status.UNKNOWN: 1})

    answer = post_action(client, church, message, "cancel")

    assert status_and_counts(answer) == ("canceled", {Status.SENT: 1, Status.UNKNOWN: 1})


def test_a_resumed_message_completes(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    message = message_with(ledger, church.church_id, {Status.QUEUED: 2})
    post_action(client, church, message, "pause")
    post_action(client, church, message, "resume")

    ledger.record(sent(ledger.claim(church.church_id)))
    ledger.complete(church.church_id)

    assert status_and_counts(post_action(client, church, message, "resume")) == ("completed", {Status.SENT: 2})
