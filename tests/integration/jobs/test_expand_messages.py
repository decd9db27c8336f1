"""The job expands all messages that are due, whatever is wrong with one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from jobs import expand_messages as job
from jobs.expand_messages import ExpansionFailed, expand_messages
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.runtime import Runtime, use_runtime
from messaging.states import Status
from settings import Settings
from store import message_expansion
from store.database import Database
from tests.harness.churches import create_church
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.jobs.scheduling import rows
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox

EXPANDED = "SELECT message_id FROM messages WHERE expanded_at IS NOT NULL"
BREAK = """
UPDATE messages SET target_type = 'contacts', target = '{"contactIds": ["no id"]}' WHERE message_id = %(id)s RETURNING 1
"""


@pytest.fixture
def runtime(settings: Settings, database: Database, job_queue: RedisJobQueue) -> Iterator[Runtime]:
    runtime = Runtime(settings, database=database, job_queue=job_queue)
    with use_runtime(runtime):
        yield runtime


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The churches whose first batch the job would submit, in order. Nothing is submitted."""
    church_ids: list[UUID] = []

    def begin_sending(_runtime: Runtime, begun: Sequence[UUID], _channel: str) -> None:
        church_ids.extend(begun)

    monkeypatch.setattr(job, "begin_sending", begin_sending)
    return church_ids


@pytest.fixture
def compose_many(database: Database) -> Callable[..., list[UUID]]:
    """Stores messages of a church each, due one after the other; those at the places in `broken` cannot be expanded."""

    def compose_all(count: int, *, broken: tuple[int, ...] = ()) -> list[UUID]:
        start = datetime.now(UTC) - timedelta(seconds=count)
        messages: list[UUID] = []
        for place in range(count):
            church_id = create_church(database).church_id
            send_at = start + timedelta(seconds=place)
            messages.append(compose(database, church_id, numbers=numbers(2), send_at=send_at))
        for place in broken:
            rows(database, BREAK, id=messages[place])
        return messages

    return compose_all


def test_messages_of_many_churches_are_sent(
    database: Database,
    job_queue: RedisJobQueue,
    work: RunWorker,
    sandbox: Sandbox,
    compose_many: Callable[..., list[UUID]],
) -> None:
    messages = compose_many(job.MESSAGES_AT_ONCE + 3)
    job_queue.enqueue_expansion(channel="sms")

    work()

    assert len(sandbox.ledger()) == 2 * len(messages)
    assert rows(database, "SELECT count(*) FROM messages WHERE completed_at IS NOT NULL") == [(len(messages),)]


@pytest.mark.parametrize("broken", [(0,), (6,), (9,), (2, 3, 8), tuple(range(10))])
def test_messages_that_cannot_be_expanded_do_not_stop_the_others(
    runtime: Runtime,
    database: Database,
    begun: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    compose_many: Callable[..., list[UUID]],
    broken: tuple[int, ...],
) -> None:
    monkeypatch.setattr(job, "BUDGET_SECONDS", 60.0)
    messages = compose_many(10, broken=broken)

    with pytest.raises(ExpansionFailed, match=str(messages[broken[0]])):
        expand_messages("sms")

    good = [message for place, message in enumerate(messages) if place not in broken]
    assert {message for (message,) in rows(database, EXPANDED)} == set(good)
    assert len(begun) == len(set(begun)) == len(good)


def test_a_job_without_time_expands_something_although_the_oldest_message_fails(
    runtime: Runtime,
    database: Database,
    begun: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    compose_many: Callable[..., list[UUID]],
) -> None:
    messages = compose_many(10, broken=(0, 5))
    monkeypatch.setattr(job, "BUDGET_SECONDS", 0.0)

    for _ in messages:
        with suppress(ExpansionFailed):
            expand_messages("sms")

    assert len(rows(database, EXPANDED)) == 8


def test_small_messages_share_a_transaction(
    runtime: Runtime, begun: list[UUID], monkeypatch: pytest.MonkeyPatch, compose_many: Callable[..., list[UUID]]
) -> None:
    messages = compose_many(10)
    sets: list[list[UUID]] = []
    expand = message_expansion.expand

    def record(*arguments: object, message_ids: list[UUID], **options: object) -> object:
        sets.append(message_ids)
        return expand(*arguments, message_ids=message_ids, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(message_expansion, "expand", record)

    expand_messages("sms")

    assert sets == [messages]


def test_a_church_with_several_messages_begins_once(runtime: Runtime, database: Database, begun: list[UUID]) -> None:
    church_id = create_church(database).church_id
    messages = [compose(database, church_id, numbers=numbers(2)) for _ in range(3)]

    expand_messages("sms")

    assert begun == [church_id]
    assert [counts(database, church_id, message) for message in messages] == [{Status.QUEUED: 2}] * 3
