"""A message is inserted once for each idempotency key of a church."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from messaging.addresses import AddressKind
from store import daily_limits, message_progress, messages
from store.database import Database, church_scope, open_database, system_scope
from store.messages import NewMessage
from tests.harness.churches import add_contacts
from tests.integration.store.ledger import Ledger, together


def test_a_key_used_again_returns_the_first_message(ledger: Ledger) -> None:
    church_id = ledger.church()
    first, new = ledger.insert(church_id, key="sunday")

    again, new_again = ledger.insert(church_id, key="sunday", segments=3)

    assert new
    assert not new_again
    assert again == first


def test_churches_can_use_the_same_key(ledger: Ledger) -> None:
    here, _ = ledger.insert(ledger.church(), key="sunday")

    there, new = ledger.insert(ledger.church(), key="sunday")

    assert new
    assert there.message_id != here.message_id


def test_without_a_key_every_message_is_new(ledger: Ledger) -> None:
    church_id = ledger.church()

    assert {ledger.insert(church_id)[1] for _ in range(3)} == {True}


def test_fifty_concurrent_inserts_with_one_key_insert_one_message(ledger: Ledger) -> None:
    church_id = ledger.church()

    answers = together(50, lambda _: ledger.insert(church_id, key="sunday"))

    assert len({message.message_id for message, _ in answers}) == 1
    assert sum(new for _, new in answers) == 1
    assert ledger.query("SELECT count(*) FROM messages") == [(1,)]


def test_pages_contain_the_churchs_messages_newest_first(database: Database, ledger: Ledger) -> None:
    church_id = ledger.church()
    made = [ledger.compose(church_id).message_id for _ in range(5)]
    ledger.compose(ledger.church())

    seen: list[UUID] = []
    while True:
        with church_scope(database, church_id) as connection:
            page = messages.page(connection, church_id=church_id, before=seen[-1] if seen else None, limit=2)
        if not page:
            break
        seen += [message.message_id for message in page]

    assert seen == made[::-1]


def test_the_status_of_a_message_follows_its_progress(ledger: Ledger) -> None:
    church_id = ledger.church()

    def status(message_id: UUID) -> str:
        with church_scope(ledger.database, church_id) as connection:
            found = messages.get(connection, church_id=church_id, message_id=message_id)
        assert found is not None
        return found.status

    later = ledger.compose(church_id, send_at=datetime.now(UTC) + timedelta(hours=1))
    now = ledger.compose(church_id)
    assert (status(later.message_id), status(now.message_id)) == ("scheduled", "accepted")
    ledger.expand(church_id, now)
    assert status(now.message_id) == "sending"
    ledger.complete()
    assert (status(later.message_id), status(now.message_id)) == ("scheduled", "completed")


def test_a_missing_message_is_none(ledger: Ledger) -> None:
    with church_scope(ledger.database, church_id := ledger.church()) as connection:
        assert messages.get(connection, church_id=church_id, message_id=uuid4()) is None


def test_the_statements_of_a_send_to_all_are_not_planned_again_for_each_request(
    ledger: Ledger, database_url: str
) -> None:
    """Planning takes longer than they do. PostgreSQL plans a prepared statement five times before it keeps a plan."""
    church_id = ledger.church()
    add_contacts(ledger.database, church_id, count=1)
    with system_scope(ledger.database) as connection:
        connection.execute("ANALYZE contacts, churches")  # otherwise the plans depend on what other tests had stored
    with (
        open_database(database_url, size=1, name="planning") as database,
        church_scope(database, church_id) as connection,
    ):
        for _ in range(20):
            need = daily_limits.measure(
                connection, church_id=church_id, target_type="all", target={}, segments_each=1, default_limit=1000
            )
            messages.insert(
                connection,
                NewMessage(
                    church_id=church_id,
                    channel="sms",
                    content="Amen",
                    segments=1,
                    target_type="all",
                    target={},
                    idempotency_key=None,
                    request_hash=b"hash",
                    request_id="r-1",
                    send_at=None,
                    need=need,
                ),
            )
            message_progress.preview(
                connection,
                church_id=church_id,
                channel="sms",
                address_kind=AddressKind.PHONE,
                target_type="all",
                target={},
            )
        planned = connection.execute("SELECT custom_plans, statement FROM pg_prepared_statements").fetchall()

    assert len(planned) == 3
    assert [(times, statement) for times, statement in planned if times != 5] == []
