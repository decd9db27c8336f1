"""What a process measured is written to the database, also after PostgreSQL was away, and at the end of the process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from metrics.definitions import CARRIER_SECONDS, SUBMISSIONS
from metrics.measurements import Measurements
from store import metrics
from store.database import Database, open_database, system_scope
from store.measurement_writer import MeasurementWriter
from store.timeouts import WEB
from tests.harness.database_proxy import DatabaseProxy, Fault, database_proxy
from tests.harness.waiting import wait_until
from tests.integration.store.ledger import Ledger

NEVER = 1e6
"""So that only the test writes."""


@pytest.fixture
def proxy(database_url: str, free_port: int) -> Iterator[DatabaseProxy]:
    with database_proxy(database_url, free_port) as proxy:
        yield proxy


@pytest.fixture
def own(proxy: DatabaseProxy) -> Iterator[Database]:
    """The pool of the process that measures, through the proxy."""
    database = open_database(proxy.url, size=1, name="measuring", timeouts=replace(WEB, probe_after=0.2))
    yield database
    proxy.is_silent = False
    database.close()


def submissions(ledger: Ledger) -> dict[str, float]:
    with system_scope(ledger.database) as connection:
        return {total.labels["channel"]: total.value for total in metrics.totals(connection, SUBMISSIONS.name)}


def test_it_writes_by_itself(own: Database, ledger: Ledger) -> None:
    measurements = Measurements()
    writer = MeasurementWriter(own, measurements, every_seconds=0.01)
    measurements.count(SUBMISSIONS, "sms", "accepted", by=2)

    wait_until(lambda: submissions(ledger) == {"sms": 2.0})
    writer.close()


def test_what_is_left_is_written_at_the_end(own: Database, ledger: Ledger) -> None:
    measurements = Measurements()
    writer = MeasurementWriter(own, measurements, every_seconds=NEVER)
    measurements.count(SUBMISSIONS, "sms", "accepted")

    writer.close()
    writer.close()

    assert submissions(ledger) == {"sms": 1.0}


def test_without_postgresql_it_waits_in_memory(own: Database, proxy: DatabaseProxy, ledger: Ledger) -> None:
    measurements = Measurements()
    writer = MeasurementWriter(own, measurements, every_seconds=NEVER)
    measurements.count(SUBMISSIONS, "sms", "accepted", by=2)
    proxy.is_silent = True

    writer.write()
    measurements.count(SUBMISSIONS, "sms", "accepted", by=5)
    writer.write()
    assert submissions(ledger) == {}

    proxy.is_silent = False
    wait_until(lambda: (writer.write(), submissions(ledger))[1] == {"sms": 7.0})
    writer.close()
    assert submissions(ledger) == {"sms": 7.0}


def test_a_write_whose_commit_may_have_been_lost_is_not_repeated(
    own: Database, proxy: DatabaseProxy, ledger: Ledger
) -> None:
    """A counter that is a little low harms no alert; one that counts a minute twice may start one."""
    measurements = Measurements()
    writer = MeasurementWriter(own, measurements, every_seconds=NEVER)
    measurements.count(SUBMISSIONS, "sms", "accepted")
    proxy.next_commit = Fault.CUT

    writer.write()
    writer.close()

    assert submissions(ledger) == {"sms": 1.0}


def test_an_idle_process_writes_nothing(own: Database, ledger: Ledger) -> None:
    measurements = Measurements()
    writer = MeasurementWriter(own, measurements, every_seconds=NEVER)
    measurements.observe(CARRIER_SECONDS, 0.1, "sms")
    for _ in range(3):
        writer.write()
    before = ledger.query("SELECT count(*) FROM metric_changes")

    for _ in range(10):
        writer.write()

    assert ledger.query("SELECT count(*) FROM metric_changes") == before
    writer.close()


def test_the_use_of_the_pool_is_measured(own: Database, ledger: Ledger) -> None:
    own.check_schema()
    own.pop_stats()
    writer = MeasurementWriter(own, Measurements(), every_seconds=NEVER)
    for _ in range(4):
        with system_scope(own):
            pass

    writer.close()

    with system_scope(ledger.database) as connection:
        [total] = metrics.totals(connection, "koinonia_database_pool_requests_total")
    assert (total.labels, total.value) == ({"pool": "measuring"}, 4)
