"""What was told by two watchers while PostgreSQL was away is one incident."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from store import incidents
from store.database import system_scope
from store.incidents import StoredIncident
from tests.integration.store.ledger import Ledger

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
OVER = StoredIncident(
    incident_id=uuid4(),
    kind="redis-down",
    subject="",
    opened_at=NOON,
    last_seen_at=NOON,
    told_at=NOON,
    recovered_at=NOON + timedelta(minutes=5),
    summary="Redis does not answer",
    facts={},
    checks_to_recover=3,
    notices=[],
    version=1,
)


@pytest.mark.parametrize(
    ("opened_after", "kind", "is_stored"),
    [
        (timedelta(seconds=3), "redis-down", False),
        (timedelta(seconds=-3), "redis-down", False),
        (timedelta(minutes=6), "redis-down", True),
        (timedelta(seconds=3), "postgresql-down", True),
    ],
)
def test_an_incident_that_overlaps_a_stored_one_of_its_kind_is_not_stored(
    ledger: Ledger, opened_after: timedelta, kind: str, is_stored: bool
) -> None:
    other = replace(
        OVER, incident_id=uuid4(), kind=kind, opened_at=NOON + opened_after, recovered_at=None, last_seen_at=NOON
    )
    with system_scope(ledger.database) as connection:
        assert incidents.insert(connection, OVER)
        assert not incidents.insert(connection, OVER), "it is stored already"

        assert incidents.insert(connection, other) is is_stored
