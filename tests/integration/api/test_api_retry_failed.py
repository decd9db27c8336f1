"""POST /api/messages/{id}/retry-failed: failed deliveries, and no others, are queued again."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from messaging.states import Status
from store.database import Database
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.harness.churches import KnownChurch
from tests.integration.api.messages_in_progress import message_with, post_action, status_and_counts
from tests.integration.store.ledger import Ledger, numbers, sent

FAILURES = [
    ("away", "30003"),
    ("landline", "30006"),
    ("away", "30006"),
    ("away", None),
    (None, "30003"),
    (None, None),
]
"""(reason, code) of failed deliveries, to consecutive numbers."""


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def failed(ledger: Ledger, church: KnownChurch) -> Message:
    """A completed message with one failure of each kind."""
    message = ledger.send(church.church_id, numbers(len(FAILURES)))
    ledger.record(
        [
            DeliveryUpdate(
                delivery_id=envelope.delivery_id,
                attempt=envelope.attempt,
                status=Status.FAILED,
                reason=FAILURES[int(envelope.address[-4:])][0],
                error_code=FAILURES[int(envelope.address[-4:])][1],
            )
            for envelope in ledger.claim(church.church_id).envelopes
        ]
    )
    ledger.complete(church.church_id)
    return message


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"reasons": None, "errorCodes": None}, [0, 1, 2, 3, 4, 5]),
        ({"reasons": ["away"]}, [0, 2, 3]),
        ({"reasons": ["away", "landline"]}, [0, 1, 2, 3]),
        ({"errorCodes": ["30006"]}, [1, 2]),
        ({"errorCodes": ["30003", "30006"]}, [0, 1, 2, 4]),
        ({"reasons": ["away"], "errorCodes": ["30006"]}, [2]),
        ({"reasons": ["no such"]}, []),
        ({"errorCodes": ["99999"]}, []),
    ],
)
def test_the_selected_failures_are_retried(
    client: FlaskClient,
    church: KnownChurch,
    ledger: Ledger,
    failed: Message,
    chosen: dict[str, Any],
    expected: list[int],
) -> None:
    answer = post_action(client, church, failed, "retry-failed", **chosen)

    left = {Status.FAILED: len(FAILURES) - len(expected), Status.QUEUED: len(expected)}
    counts = {status: count for status, count in left.items() if count}
    assert status_and_counts(answer) == ("sending" if expected else "completed", counts)
    assert answer.get_json()["retried"] == len(expected)
    claim = ledger.claim(church.church_id)
    assert sorted(int(envelope.address[-4:]) for envelope in claim.envelopes) == expected


def test_only_failures_are_retried_and_only_once(client: FlaskClient, church: KnownChurch, ledger: Ledger) -> None:
    wanted = {status: 1 for status in Status if status not in (Status.SUPPRESSED, Status.CANCELED)}
    message = message_with(ledger, church.church_id, wanted)

    first = post_action(client, church, message, "retry-failed")
    again = post_action(client, church, message, "retry-failed")

    left = {status: 1 for status in wanted if status not in (Status.FAILED, Status.UNDELIVERED)} | {Status.QUEUED: 3}
    assert status_and_counts(first) == status_and_counts(again) == ("sending", left)
    assert (first.get_json()["retried"], again.get_json()["retried"]) == (2, 0)


def test_a_recipient_who_opted_out_meanwhile_is_suppressed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, failed: Message
) -> None:
    ledger.opt_out(church.church_id, numbers(1)[0])

    post_action(client, church, failed, "retry-failed")

    ledger.record(sent(ledger.claim(church.church_id)))
    assert ledger.counts(failed) == {Status.SUPPRESSED: 1, Status.SENT: len(FAILURES) - 1}


def test_a_late_receipt_of_the_failed_attempt_does_not_change_the_new_attempt(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, failed: Message
) -> None:
    post_action(client, church, failed, "retry-failed", errorCodes=["30006"], reasons=["away"])
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries WHERE status = 'queued'")
    ledger.receive(delivery, Status.UNDELIVERED)

    ledger.apply()

    assert ledger.get(delivery).status == "queued"


def test_retries_of_a_paused_message_wait_until_it_is_resumed(
    client: FlaskClient, church: KnownChurch, ledger: Ledger
) -> None:
    message = message_with(ledger, church.church_id, {Status.FAILED: 2, Status.QUEUED: 1})
    post_action(client, church, message, "pause")

    assert status_and_counts(post_action(client, church, message, "retry-failed")) == ("paused", {Status.QUEUED: 3})
    assert ledger.claim(church.church_id).taken == 0

    post_action(client, church, message, "resume")
    assert len(ledger.claim(church.church_id).envelopes) == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": ["away"]}, "reason"),
        ({"error_codes": ["30003"]}, "error_codes"),
        ({"reasons": []}, "reasons"),
        ({"reasons": "away"}, "reasons"),
        ({"reasons": ["a\0b"]}, "reasons[0]"),
        ({"errorCodes": []}, "errorCodes"),
        ({"errorCodes": [30003]}, "errorCodes[0]"),
        ({"errorCodes": [""]}, "errorCodes[0]"),
        ({"errorCodes": ["1"] * 101}, "errorCodes"),
    ],
)
def test_invalid_fields_are_reported_and_nothing_is_retried(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, failed: Message, body: dict[str, Any], field: str
) -> None:
    answer = post_action(client, church, failed, "retry-failed", **body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert ledger.counts(failed) == {Status.FAILED: len(FAILURES)}
