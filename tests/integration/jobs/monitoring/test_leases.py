"""One watcher leads, and of two that believe to lead only one tells."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from jobs.job_queue.redis_connection import open_redis
from jobs.monitoring import notices
from jobs.monitoring.alert_kinds import DATABASE_SIZE
from jobs.monitoring.findings import Finding, check
from jobs.monitoring.incidents import IncidentBook
from jobs.monitoring.ledger import Ledger
from jobs.monitoring.redis_fallback import LEASE_KEY, RedisFallback
from settings import Settings
from tests.harness.private_postgres import PrivatePostgres


@contextmanager
def two_ledgers(settings: Settings) -> Generator[tuple[Ledger, Ledger]]:
    with (
        closing(Ledger(settings, holder="one", process="clock", lease_seconds=60.0)) as one,
        closing(Ledger(settings, holder="other", process="worker", lease_seconds=60.0)) as other,
    ):
        yield one, other


def leads(ledger: Ledger) -> bool:
    return ledger.begin_round(is_at_work=True).holds_lease


def test_one_watcher_leads_until_it_ends_or_its_lease_does(settings: Settings, postgres: PrivatePostgres) -> None:
    with two_ledgers(settings) as (one, other):
        assert [leads(one), leads(other), leads(one)] == [True, False, True]

        one.release_lease()
        assert [leads(other), leads(one)] == [True, False]

        postgres.execute("UPDATE watcher_lease SET held_until = now()")
        assert [leads(one), leads(other)] == [True, False]


def test_while_postgresql_is_away_redis_decides_who_leads(settings: Settings) -> None:
    with closing(open_redis(settings)) as redis:
        one, other = RedisFallback(redis, holder="one"), RedisFallback(redis, holder="other")

        def take(*watchers: RedisFallback) -> list[bool]:
            return [watcher.take_lease(seconds=60.0) for watcher in watchers]

        assert take(one, other, one) == [True, False, True]
        assert redis.ttl(LEASE_KEY) > 0

        other.release_lease()
        assert take(other) == [False]

        one.release_lease()
        assert take(other, one) == [True, False]


def test_of_two_watchers_that_begin_the_same_notice_one_may_tell_it(settings: Settings) -> None:
    """One was stopped for longer than its lease, and both have read the same version."""
    now, book = datetime.now(UTC), IncidentBook()
    for _ in range(2):
        book.apply([check(DATABASE_SIZE, Finding(summary="large"))], now)
    [incident] = book.incidents.values()
    planned = notices.with_due_notices((), recovered_at=None, ways=("webhook",), now=now)
    with two_ledgers(settings) as (one, other):
        one.store([replace(incident, notices=planned)], stored=set())
        [read] = one.begin_round(is_at_work=True).incidents
        begun = replace(read, notices=tuple(notice.begun(now) for notice in read.notices))

        first = one.store([begun], stored={read.incident_id})
        second = other.store([begun], stored={read.incident_id})

    assert ([each.version for each in first[0]], first[1]) == ([2], [])
    assert second == ([], [read.incident_id])


def test_an_incident_that_is_open_already_is_not_stored_again(settings: Settings) -> None:
    now, books = datetime.now(UTC), (IncidentBook(), IncidentBook())
    for book in books:
        for _ in range(2):
            book.apply([check(DATABASE_SIZE, Finding(summary="large"))], now)
    [mine], [theirs] = (book.incidents.values() for book in books)
    with two_ledgers(settings) as (one, other):
        assert one.store([mine], stored=set()) == ([mine], [])
        assert other.store([theirs], stored=set()) == ([], [theirs.incident_id])
