"""People write STOP and START while a worker sends: through the carrier, the web process, the claim, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.keyword_replies import ReplyMode
from messaging.states import Status
from settings import Settings
from store import keyword_replies, opt_outs
from store.database import Database, system_scope
from store.keyword_replies import KeywordReplies
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.web_server import running_web
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import compose, counts
from tests.integration.store.ledger import numbers
from tools.local import ports
from tools.sandbox.control import Faults, Sandbox

AUDIENCE, CONNECTIONS = 300, 20
SENDER = "+15005550006"
PEOPLE = numbers(AUDIENCE)
EARLY, LATE, LAST = PEOPLE[0], PEOPLE[-2], PEOPLE[-1]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "batch_size": 20,
            "carrier_connections": CONNECTIONS,
            "public_url": f"http://127.0.0.1:{ports.choose_port()}",
        }
    )


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database, sender=SENDER).church_id


@pytest.fixture
def web(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[None]:
    """The web process, to which the carrier delivers what people write."""
    sandbox.set_inbound(url=f"{settings.public_url}/inbound/sms")
    with running_web(settings, tmp_path, PORT=settings.public_url.rpartition(":")[2]):
        yield


@pytest.fixture
def worker(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[None]:
    """A worker with a slow carrier, at which it sends some forty texts a second."""
    sandbox.set_faults(Faults(latency_ms=400))
    with running_worker(settings, tmp_path / "output"):
        yield


def write(sandbox: Sandbox, text: str, person: str) -> None:
    """The person writes; returns when the product has answered the carrier."""
    sid = sandbox.write(text, sender=person, to=SENDER)
    wait_until(
        lambda: [row.status for row in sandbox.inbound() if row.sid == sid] == [200],
        timeout_seconds=60,
        condition="the product answers the webhook with 200",
    )


def texts_to(sandbox: Sandbox, person: str) -> list[str]:
    return [row.body for row in sandbox.ledger() if row.to == person]


def answer_all(database: Database, church_id: UUID) -> None:
    new = KeywordReplies(
        church_name="", mode=ReplyMode.ALL, opt_out_reply="No more texts.", opt_in_reply=None, help_reply=None
    )
    with system_scope(database) as connection:
        keyword_replies.save(connection, church_id, new)


def reason(database: Database, message: UUID, person: str) -> tuple[str, str | None]:
    with system_scope(database) as connection:
        row = connection.execute(
            "SELECT status::text, reason FROM deliveries WHERE message_id = %s AND address = %s", (message, person)
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_stop_during_a_blast_stops_the_text_of_that_person_only(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, web: None, worker: None
) -> None:
    sandbox.set_inbound(opt_out_handling="off")  # only the product stops it
    answer_all(database, church_id)
    message = compose(database, church_id, numbers=PEOPLE, content="See you on Sunday")
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: sandbox.summary().create_requests > CONNECTIONS, timeout_seconds=60)
    assert texts_to(sandbox, LATE) == texts_to(sandbox, LAST) == []

    write(sandbox, "STOP", LATE)
    write(sandbox, "Please stop texting me", LAST)

    wait_until(
        lambda: counts(database, church_id, message) == {Status.SENT: AUDIENCE - 2, Status.SUPPRESSED: 2},
        timeout_seconds=120,
    )
    wait_until(lambda: len(sandbox.ledger()) == AUDIENCE, timeout_seconds=60, condition="both are confirmed")
    assert texts_to(sandbox, LATE) == texts_to(sandbox, LAST) == ["No more texts."]
    assert reason(database, message, LATE) == ("suppressed", "opted out")
    # The confirmation overtakes the blast.
    assert max(row.number for row in sandbox.ledger() if row.to in (LATE, LAST)) < AUDIENCE


def test_the_carriers_refusal_stops_later_texts_of_that_sender_and_start_lifts_it(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, web: None, worker: None
) -> None:
    """The person sent STOP to the carrier, and the webhook was lost."""
    sandbox.clear_faults()
    sandbox.write("STOP", sender=EARLY, to="+15005550009")  # to a number of nobody
    sandbox.write("STOP", sender=EARLY, to=SENDER)
    wait_until(lambda: sandbox.summary().inbound_waiting == 0, timeout_seconds=60)
    with system_scope(database) as connection:
        connection.execute("DELETE FROM opt_outs")

    refused = compose(database, church_id, numbers=[EARLY])
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: counts(database, church_id, refused) == {Status.FAILED: 1}, timeout_seconds=60)
    suppressed = compose(database, church_id, numbers=[EARLY])
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: counts(database, church_id, suppressed) == {Status.SUPPRESSED: 1}, timeout_seconds=60)
    with system_scope(database) as connection:
        [found] = opt_outs.list_opt_outs(connection, church_id=church_id)
        connection.execute("UPDATE sender_opt_outs SET opted_out_at = now() - interval '1 minute'")
        connection.execute("UPDATE inbound_messages SET inbound_message_id = uuidv7(interval '-1 minute')")
    assert (found.address, found.source, found.sender) == (EARLY, "carrier", SENDER)

    write(sandbox, "START", EARLY)
    sent = compose(database, church_id, numbers=[EARLY], content="Welcome back")
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: counts(database, church_id, sent) == {Status.SENT: 1}, timeout_seconds=60)
    assert texts_to(sandbox, EARLY)[-1] == "Welcome back"


def test_while_postgresql_is_away_the_carrier_repeats_until_the_opt_out_is_stored(
    settings: Settings, database: Database, church_id: UUID, sandbox: Sandbox, tmp_path: Path
) -> None:
    port = settings.public_url.rpartition(":")[2]
    sandbox.set_inbound(url=f"{settings.public_url}/inbound/sms")
    away = settings.database_url.rpartition("/")[0] + "/no_such_database"
    with running_web(settings, tmp_path, PORT=port, DATABASE_URL=away):
        sid = sandbox.write("STOP", sender=EARLY, to=SENDER)
        wait_until(lambda: sandbox.inbound()[-1].attempts >= 1, timeout_seconds=60)
        assert sandbox.inbound()[-1].status == 503
    with running_web(settings, tmp_path, PORT=port):
        sandbox.write("STOP", sender=EARLY, to=SENDER, sid=sid)
        wait_until(lambda: sandbox.inbound()[-1].status == 200, timeout_seconds=60)

    with system_scope(database) as connection:
        assert opt_outs.get(connection, church_id=church_id, address=EARLY) is not None
