"""The SQL function `quiet_until` keeps texts inside the window of the recipient's clock, and delays none for longer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from messaging.quiet_hours import DEFAULT_WINDOW, Window
from messaging.wall_time import find_zone, to_wall, zone_names
from tests.harness.clock_changes import clock_changes
from tests.harness.texting_hours import ANY_HOUR
from tests.integration.store.ledger import Ledger

NEW_YORK, HONOLULU = "America/New_York", "Pacific/Honolulu"
CHURCH_ZONE = NEW_YORK
WINDOWS = (
    DEFAULT_WINDOW,
    # With edges in hours that are skipped or repeated when clocks change.
    Window(opens=90, closes=150),
    Window(opens=0, closes=60),
    Window(opens=23 * 60 + 30, closes=1440),
)
Question = tuple[datetime, Sequence[str], Window]
"""An instant, the recipient's zones, and the church's window."""

QUIET_UNTIL = """
SELECT quiet_until(instant, zones, %(church_zone)s, opens, closes)
FROM unnest(%(instants)s::timestamptz[], %(zones)s::text[], %(opens)s::int[], %(closes)s::int[])
    WITH ORDINALITY AS questions (instant, zones, opens, closes, place)
ORDER BY place
"""


@pytest.fixture(params=["UTC", NEW_YORK])
def connection(request: pytest.FixtureRequest, ledger: Ledger) -> Iterator[psycopg.Connection]:
    """A connection with either session time zone: the results must not depend on it."""
    with ledger.database.connection() as connection:
        connection.execute(f"SET timezone = '{request.param}'".encode())
        yield connection
        connection.execute(b"RESET timezone")


def quiet_until(connection: psycopg.Connection, questions: Sequence[Question]) -> list[datetime | None]:
    rows = connection.execute(
        QUIET_UNTIL.encode(),
        {
            "church_zone": CHURCH_ZONE,
            "instants": [instant for instant, _, _ in questions],
            "zones": [" ".join(zones) or None for _, zones, _ in questions],
            "opens": [window.opens for _, _, window in questions],
            "closes": [window.closes for _, _, window in questions],
        },
    ).fetchall()
    return [until and until.astimezone(UTC) for (until,) in rows]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}+00:00")


@pytest.mark.parametrize(
    ("instant", "zones", "until"),
    [
        ("06-01 12:00", [], None),  # 08:00 in New York
        ("06-01 11:59:59", [], "06-01 12:00"),
        ("06-02 00:59:59", [], None),  # 20:59:59
        ("06-02 01:00", [], "06-02 12:00"),
        ("06-01 12:00", ["America/Chicago"], "06-01 13:00"),
        ("06-01 12:00", ["America/Chicago", NEW_YORK], "06-01 13:00"),
        ("06-02 01:30", ["America/Chicago", NEW_YORK], "06-02 13:00"),  # open in only one of the zones
        ("06-01 12:00", [NEW_YORK, HONOLULU], "06-01 18:00"),
        ("03-08 03:00", [], "03-08 12:00"),  # the night in which an hour is skipped
        ("11-01 03:00", [], "11-01 13:00"),  # the night in which an hour is repeated
        ("06-01 12:00", ["Mars/Olympus"], None),  # a zone that PostgreSQL does not know: the church's counts
    ],
)
def test_a_text_waits_until_the_window_is_open_in_all_zones(
    connection: psycopg.Connection, instant: str, zones: list[str], until: str | None
) -> None:
    assert quiet_until(connection, [(at(instant), zones, DEFAULT_WINDOW)]) == [at(until) if until else None]


def test_the_zone_of_the_church_counts_when_the_zones_have_no_open_hour_in_common(
    connection: psycopg.Connection,
) -> None:
    zones, window = [NEW_YORK, HONOLULU], Window(opens=9 * 60, closes=10 * 60)

    assert quiet_until(connection, [(at("06-01 12:00"), zones, window), (at("06-01 13:30"), zones, window)]) == [
        at("06-01 13:00"),
        None,
    ]


def test_a_window_of_24_hours_is_always_open(connection: psycopg.Connection) -> None:
    instants = [at("01-01 00:00") + timedelta(minutes=679 * n) for n in range(775)]

    assert set(quiet_until(connection, [(instant, [], ANY_HOUR) for instant in instants])) == {None}


def test_postgresql_knows_every_zone(ledger: Ledger) -> None:
    known = {name for (name,) in ledger.query("SELECT name FROM pg_timezone_names")}

    assert zone_names() - known == set()


def test_in_every_zone_the_wait_ends_inside_the_window(ledger: Ledger) -> None:
    outside = ledger.query(
        """
        SELECT zone, instant, sent_at
        FROM unnest(%(zones)s::text[]) AS zone
        CROSS JOIN generate_series('2027-01-01Z'::timestamptz, '2028-01-02Z', interval '311 hours') AS instant
        CROSS JOIN LATERAL (
            SELECT coalesce(quiet_until(instant, zone, 'America/New_York', 480, 1260), instant) AS sent_at
        ) AS result
        WHERE (sent_at AT TIME ZONE zone)::time < '08:00' OR (sent_at AT TIME ZONE zone)::time >= '21:00'
           OR sent_at < instant OR sent_at - instant > interval '12 hours'
        """,
        zones=sorted(zone_names()),
    )

    assert outside == []


def test_around_clock_changes_a_text_waits_for_the_first_open_minute(ledger: Ledger) -> None:
    """Compares with a search minute by minute, for every change of clocks in a year."""
    changes = agreed_changes(ledger)
    assert len(changes) > 30
    draw = random.Random(7)  # noqa: S311 - reproducible, not secret
    questions: list[Question] = []
    expected: list[datetime | None] = []
    for change, name in changes:
        start = change - timedelta(hours=30)
        minutes = [start + timedelta(minutes=n) for n in range(62 * 60)]
        walls = [to_wall(minute, find_zone(name)) for minute in minutes]
        for window in WINDOWS:
            first_open = first_open_minutes(minutes, [is_open(wall, window) for wall in walls])
            for place in sorted(draw.sample(range(36 * 60), 12)):
                until = first_open[place]
                questions.append((minutes[place], [name], window))
                expected.append(None if until == minutes[place] else until)

    with ledger.database.connection() as connection:
        assert quiet_until(connection, questions) == expected


def test_with_two_zones_a_text_waits_for_the_first_minute_that_is_open_in_both(ledger: Ledger) -> None:
    changes = agreed_changes(ledger)
    draw = random.Random(7)  # noqa: S311 - reproducible, not secret
    questions: list[Question] = []
    expected: list[datetime | None] = []
    for _ in range(60):
        change, name = draw.choice(changes)
        zones = [name, draw.choice(changes)[1]]
        instant = change + timedelta(minutes=draw.randrange(-36 * 60, 36 * 60))
        questions.append((instant, zones, DEFAULT_WINDOW))
        until = first_open_in_all(instant, zones) or first_open_in_all(instant, [CHURCH_ZONE])
        expected.append(None if until == instant else until)

    with ledger.database.connection() as connection:
        assert quiet_until(connection, questions) == expected


def is_open(wall: datetime, window: Window) -> bool:
    return window.opens <= wall.hour * 60 + wall.minute < window.closes


def first_open_minutes(minutes: Sequence[datetime], opened: Sequence[bool]) -> list[datetime | None]:
    """For each minute, the first one from it on that is open."""
    result: list[datetime | None] = []
    upcoming: datetime | None = None
    for minute, is_open_now in zip(reversed(minutes), reversed(opened), strict=True):
        upcoming = minute if is_open_now else upcoming
        result.append(upcoming)
    return result[::-1]


def first_open_in_all(instant: datetime, zones: Sequence[str]) -> datetime | None:
    """The first minute of three days at which the default window is open in all zones."""
    found = [find_zone(name) for name in zones]
    minutes = (instant + timedelta(minutes=n) for n in range(72 * 60 + 1))
    return next((at for at in minutes if all(is_open(to_wall(at, zone), DEFAULT_WINDOW) for zone in found)), None)


def agreed_changes(ledger: Ledger) -> list[tuple[datetime, str]]:
    """The clock changes of zones on which PostgreSQL and Python agree: their zone data may be of different years."""
    changes = clock_changes(2026, 2026)
    instants = [datetime(2025, 12, 28, tzinfo=UTC) + timedelta(hours=60 * n) for n in range(160)]
    instants += [change + timedelta(minutes=minutes) for change, _, _ in changes for minutes in (-1, 0)]
    agreed: set[str] = set()
    for name in set(changes.values()):
        walls = ledger.query(
            "SELECT instant AT TIME ZONE %(zone)s FROM unnest(%(instants)s::timestamptz[]) AS instant",
            zone=name,
            instants=instants,
        )
        if [wall for (wall,) in walls] == [to_wall(instant, find_zone(name)) for instant in instants]:
            agreed.add(name)
    return [(change, name) for (change, _, _), name in changes.items() if name in agreed]
