"""What nobody may say of a message: now, not yet, or not with this key."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from messaging.states import Status
from store.database import Database
from tests.harness.churches import KnownChurch
from tests.integration.api.messages_in_progress import EVERYTHING, message_with, say
from tests.integration.store.ledger import Ledger

WORDS = ["cancel", "pause", "resume", "retry-failed"]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.mark.parametrize(
    ("stands", "before", "word"),
    [
        ({Status.SENT: 1, Status.FAILED: 1}, [], "cancel"),
        ({Status.SENT: 1, Status.FAILED: 1}, [], "pause"),
        ({Status.QUEUED: 1}, ["cancel"], "pause"),
        ({Status.QUEUED: 1}, ["cancel"], "resume"),
        ({Status.QUEUED: 1, Status.FAILED: 1}, ["cancel"], "retry-failed"),
        ({Status.QUEUED: 1}, ["pause", "cancel"], "resume"),
    ],
)
def test_what_makes_no_sense_now_is_a_conflict_and_changes_nothing(
    client: FlaskClient, church: KnownChurch, ledger: Ledger, stands: dict[Status, int], before: list[str], word: str
) -> None:
    message = message_with(ledger, church.church_id, stands)
    for earlier in before:
        say(client, church, message, earlier)
    stood = ledger.query(EVERYTHING)

    answer = say(client, church, message, word)

    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert ledger.query(EVERYTHING) == stood


@pytest.mark.parametrize("word", WORDS)
def test_a_message_that_never_was_is_not_there(client: FlaskClient, church: KnownChurch, word: str) -> None:
    body: dict[str, object] | None = {} if word == "retry-failed" else None

    answer = client.post(f"/api/messages/{uuid4()}/{word}", json=body, headers=church.bearer)

    assert answer.status_code == 404
