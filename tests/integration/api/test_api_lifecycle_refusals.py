"""Actions on messages that are refused."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from messaging.states import Status
from store.database import Database
from tests.harness.churches import KnownChurch
from tests.integration.api.messages_in_progress import ALL_ROWS, message_with, post_action
from tests.integration.store.ledger import Ledger

ACTIONS = ["cancel", "pause", "resume", "retry-failed"]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.mark.parametrize(
    ("statuses", "earlier_actions", "action"),
    [
        ({Status.SENT: 1, Status.FAILED: 1}, [], "cancel"),
        ({Status.SENT: 1, Status.FAILED: 1}, [], "pause"),
        ({Status.QUEUED: 1}, ["cancel"], "pause"),
        ({Status.QUEUED: 1}, ["cancel"], "resume"),
        ({Status.QUEUED: 1, Status.FAILED: 1}, ["cancel"], "retry-failed"),
        ({Status.QUEUED: 1}, ["pause", "cancel"], "resume"),
    ],
)
def test_an_action_that_the_status_does_not_allow_is_a_conflict_and_changes_nothing(
    client: FlaskClient,
    church: KnownChurch,
    ledger: Ledger,
    statuses: dict[Status, int],
    earlier_actions: list[str],
    action: str,
) -> None:
    message = message_with(ledger, church.church_id, statuses)
    for earlier in earlier_actions:
        post_action(client, church, message, earlier)
    before = ledger.query(ALL_ROWS)

    answer = post_action(client, church, message, action)

    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert ledger.query(ALL_ROWS) == before


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_on_an_unknown_message_answers_404(client: FlaskClient, church: KnownChurch, action: str) -> None:
    body: dict[str, object] | None = {} if action == "retry-failed" else None

    answer = client.post(f"/api/messages/{uuid4()}/{action}", json=body, headers=church.bearer)

    assert answer.status_code == 404
