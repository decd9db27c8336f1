"""The database judges quiet hours as messaging/quiet_hours.py does, whatever zone its session is in."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from messaging.quiet_hours import USUAL, Window, quiet_until
from messaging.wall_time import find_zone, to_wall, zone_names
from tests.harness.clock_changes import clock_changes
from tests.integration.store.ledger import Ledger

QUESTIONS = """
SELECT quiet_until(instant, zones, 'America/New_York', opens, closes)
FROM unnest(%(instants)s::timestamptz[], %(zones)s::text[], %(opens)s::int[], %(closes)s::int[])
    WITH ORDINALITY AS asked (instant, zones, opens, closes, place)
ORDER BY place
"""


def test_the_database_knows_every_zone(ledger: Ledger) -> None:
    known = {name for (name,) in ledger.query("SELECT name FROM pg_timezone_names")}

    assert zone_names() - known == set()


def agreed_changes(ledger: Ledger) -> list[tuple[datetime, str]]:
    """Those of zones that both show alike: the server and Python may have the zones' rules of different years."""
    changes = clock_changes(2026, 2027)
    looked_at = [datetime(2025, 12, 28, tzinfo=UTC) + timedelta(hours=60 * n) for n in range(300)]
    looked_at += [change + timedelta(minutes=minutes) for change, _, _ in changes for minutes in (-1, 0)]
    alike: set[str] = set()
    for name in set(changes.values()):
        shown = ledger.query(
            "SELECT instant AT TIME ZONE %(zone)s FROM unnest(%(instants)s::timestamptz[]) AS instant",
            zone=name,
            instants=looked_at,
        )
        if [wall for (wall,) in shown] == [to_wall(instant, find_zone(name)) for instant in looked_at]:
            alike.add(name)
    return [(change, name) for (change, _, _), name in changes.items() if name in alike]


@pytest.mark.parametrize("session_zone", ["UTC", "America/New_York"])
def test_both_judge_the_same(session_zone: str, ledger: Ledger) -> None:
    draw = random.Random(7)  # noqa: S311
    changes = agreed_changes(ledger)
    assert len(changes) > 50
    asked: list[tuple[datetime, list[str], Window]] = []
    for _ in range(1500):
        change, name = draw.choice(changes)
        near = change + timedelta(seconds=draw.randrange(-36 * 3600, 36 * 3600))
        window = draw.choice((USUAL, Window(opens=90, closes=150), Window(opens=0, closes=60)))
        asked.append((near, draw.choice(([name], [name], [], [name, draw.choice(changes)[1]])), window))

    with ledger.database.connection() as connection:
        connection.execute(f"SET timezone = '{session_zone}'".encode())
        answered = connection.execute(
            QUESTIONS.encode(),
            {
                "instants": [instant for instant, _, _ in asked],
                "zones": [" ".join(zones) or None for _, zones, _ in asked],
                "opens": [window.opens for _, _, window in asked],
                "closes": [window.closes for _, _, window in asked],
            },
        ).fetchall()
        connection.execute(b"RESET timezone")

    church = find_zone("America/New_York")
    for (instant, zones, window), (answer,) in zip(asked, answered, strict=True):
        expected = quiet_until(instant, zones=[find_zone(zone) for zone in zones], church=church, window=window)
        assert (answer and answer.astimezone(UTC)) == expected, (instant, zones, window)


def test_a_zone_that_the_database_does_not_know_leaves_it_to_the_church(ledger: Ledger) -> None:
    asked = {"instants": [datetime(2026, 6, 1, 12, tzinfo=UTC)], "opens": [480], "closes": [1260]}

    assert ledger.query(QUESTIONS, **asked, zones=["Mars/Olympus"]) == [(None,)]
    assert ledger.query(QUESTIONS, **asked, zones=["America/Chicago"]) != [(None,)]
