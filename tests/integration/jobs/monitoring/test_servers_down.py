"""A server that is killed, or that stands still, is told once, whichever it is, and so is its recovery."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from settings import Settings
from tests.harness.private_postgres import PrivatePostgres
from tests.harness.private_redis import PrivateRedis
from tests.harness.waiting import wait_until
from tests.harness.webhook_receiver import WebhookReceiver
from tests.integration.jobs.monitoring.conftest import Watch, pretend_workers

pytestmark = pytest.mark.usefixtures("quiet_queues")

STORED = "SELECT kind, told_at IS NOT NULL, recovered_at IS NOT NULL FROM incidents ORDER BY opened_at"


@contextmanager
def killed(server: PrivateRedis | PrivatePostgres) -> Any:
    server.kill()
    yield
    server.start()


def suspended(server: PrivateRedis | PrivatePostgres) -> AbstractContextManager[None]:
    return server.suspended()


how = pytest.mark.parametrize("down", [killed, suspended], ids=["killed", "standing still"])
Down = Callable[[PrivateRedis | PrivatePostgres], AbstractContextManager[None]]


def told(webhook: WebhookReceiver, *kinds_and_states: tuple[str, str]) -> None:
    """Wait until exactly these notices have come, and check that no other follows."""
    expected = sorted(kinds_and_states)

    def arrived() -> list[tuple[str, str]]:
        return sorted((each["kind"], each["state"]) for each in webhook.alerts())

    wait_until(
        lambda: arrived() == expected,
        60.0,
    )


@how
def test_redis_down_is_told_once_without_redis(
    down: Down,
    redis_server: PrivateRedis,
    postgres: PrivatePostgres,
    webhook: WebhookReceiver,
    watch: Watch,
    settings: Settings,
) -> None:
    with watch("clock"), watch("worker"):
        wait_until(lambda: postgres.execute("SELECT 1 FROM watchers WHERE process = 'worker'"))
        with down(redis_server):
            told(webhook, ("redis-down", "open"))
            wait_until(lambda: postgres.execute(STORED) == [("redis-down", True, False)])
        pretend_workers(settings)
        told(webhook, ("redis-down", "open"), ("redis-down", "recovered"))

    assert webhook.alerts()[0]["firstCommand"] == "flask check-redis"
    assert webhook.alerts()[0]["runbook"] == "docs/operations.md#redis-down"


@how
def test_postgresql_down_is_told_once_without_postgresql_and_recorded_afterwards(
    down: Down, postgres: PrivatePostgres, webhook: WebhookReceiver, watch: Watch
) -> None:
    with watch("clock"), watch("worker"):
        wait_until(lambda: postgres.execute("SELECT 1 FROM watchers WHERE process = 'worker'"))
        with down(postgres):
            told(webhook, ("postgresql-down", "open"))
        told(webhook, ("postgresql-down", "open"), ("postgresql-down", "recovered"))
        wait_until(lambda: postgres.execute(STORED) == [("postgresql-down", True, True)])


@how
def test_both_down_are_told_by_each_watcher_itself_and_recorded_once(
    down: Down,
    postgres: PrivatePostgres,
    redis_server: PrivateRedis,
    webhook: WebhookReceiver,
    watch: Watch,
    settings: Settings,
) -> None:
    with watch("clock"), watch("worker"):
        wait_until(lambda: postgres.execute("SELECT 1 FROM watchers WHERE process = 'worker'"))
        with down(postgres), down(redis_server):
            wait_until(
                lambda: {each["kind"] for each in webhook.alerts("open")} == {"postgresql-down", "redis-down"}, 60.0
            )
            time.sleep(3.0)  # many rounds: more notices than one of each watcher would come now
            kinds = [each["kind"] for each in webhook.alerts()]
            assert kinds.count("postgresql-down") <= 2
            assert kinds.count("redis-down") <= 2
        pretend_workers(settings)
        wait_until(lambda: len(webhook.alerts("recovered")) >= 2, 60.0)
        stored: list[Any] = []

        def both_are_stored() -> bool:
            stored[:] = sorted(postgres.execute(STORED))
            return stored == [("postgresql-down", True, True), ("redis-down", True, True)]

        wait_until(both_are_stored, 20.0)


def test_an_incident_told_while_postgresql_was_away_is_known_to_the_watcher_that_follows(
    postgres: PrivatePostgres, webhook: WebhookReceiver, watch: Watch
) -> None:
    """The first watcher ends before PostgreSQL is back: Redis has kept what it told."""
    postgres.kill()
    with watch("clock"):
        told(webhook, ("postgresql-down", "open"))
    with watch("clock"):
        time.sleep(2.0)  # some rounds: it would tell it again
        told(webhook, ("postgresql-down", "open"))
        postgres.start()
        told(webhook, ("postgresql-down", "open"), ("postgresql-down", "recovered"))
        wait_until(lambda: postgres.execute(STORED) == [("postgresql-down", True, True)])
