"""`flask message show` and `flask delivery show`: the story of a message, and of one delivery."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from messaging.states import Status
from store import api_keys, audit, message_lifecycle, messages, receipts, senders
from store.audit import Actor
from store.database import Database, system_scope
from store.receipts import Receipt
from tests.harness.churches import KnownChurch, create_church
from tests.integration.commands.conftest import Run
from tests.integration.jobs.conftest import compose, expanded
from tests.integration.jobs.scheduling import rows
from tests.integration.store.ledger import numbers

UNKNOWN = "01900000-0000-7000-8000-000000000000"
TEXT = "See you on Sunday"


@pytest.fixture
def church(database: Database) -> KnownChurch:
    return create_church(database)


def update(database: Database, message_id: UUID, *, place: int, **columns: object) -> UUID:
    """Set columns of the message's delivery at that place. Returns the delivery's id."""
    ids = rows(database, "SELECT delivery_id FROM deliveries WHERE message_id = %(id)s ORDER BY address", id=message_id)
    assignments = ", ".join(f"{name} = %({name})s" for name in columns)
    statement = f"UPDATE deliveries SET {assignments} WHERE delivery_id = %(id)s"  # noqa: S608 - names in this file
    rows(database, statement, id=ids[place][0], **columns)
    return ids[place][0]


def story(run: Run, message_id: UUID, *options: str) -> dict[str, Any]:
    result = run("message", "show", str(message_id), *options, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def whats(shown: dict[str, Any]) -> list[str]:
    return [event["what"] for event in shown["events"]]


def test_the_story_of_a_message_is_told_in_order(run: Run, database: Database, church: KnownChurch) -> None:
    message = expanded(database, church.church_id)
    rows(database, "UPDATE messages SET created_at = now() - interval '3 hours', send_at = now() - interval '2 hours'")
    rows(database, "UPDATE messages SET expanded_at = now() - interval '1 hour', completed_at = now() + interval '1 h'")
    update(database, message, place=0, status="sent", attempts=1, carrier_id="SM0")
    update(database, message, place=1, status="suppressed", reason="opted out")
    update(database, message, place=2, status="failed", reason="not a mobile number", error_code="21614", attempts=2)
    [(sent,)] = rows(database, "SELECT delivery_id FROM deliveries WHERE carrier_id = 'SM0'")
    with system_scope(database) as connection:
        for status in (Status.SENT, Status.DELIVERED):
            receipts.insert(
                connection, [Receipt(delivery_id=sent, attempt=1, carrier_id="SM0", status=status, error_code=None)]
            )

    shown = story(run, message)
    text = run("message", "show", str(message)).stdout

    assert whats(shown) == [
        "accepted", "scheduled for", "expanded", "reported sent", "reported delivered", "completed",
    ]  # fmt: skip
    assert "3 recipients, of which 1 get nothing (1 opted out)" in text
    assert "3 attempts, 1 were claimed more than once" in text
    assert "21614" in text
    assert "1 receipts, 1 not applied yet" in text
    assert TEXT not in text + json.dumps(shown)
    assert "+1202555" not in text + json.dumps(shown)


def test_who_created_paused_and_canceled_it_is_known_from_the_audit(
    run: Run, database: Database, church: KnownChurch
) -> None:
    message = expanded(database, church.church_id)
    with system_scope(database) as connection:
        [key] = api_keys.list_keys(connection, church_id=church.church_id)
        by_key = Actor(kind="key", name=str(key.api_key_id))
        for action in ("message.accepted", "message.paused", "message.canceled"):
            audit.record(connection, actor=by_key, action=action, subject=str(message), church_id=church.church_id)
        message_lifecycle.cancel(connection, church_id=church.church_id, message_id=message)

    shown = story(run, message)

    assert whats(shown).count("canceled") == 1, "it is in the row of the message and in the audit"
    text = run("message", "show", str(message)).stdout
    assert "by key 'test', to numbers, request request-1" in text
    assert f"by key {key.api_key_id}" in text


def test_what_it_waits_for_is_said_in_words(run: Run, database: Database, church: KnownChurch) -> None:
    message = expanded(database, church.church_id)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church.church_id, channel="sms", reason="the number is not ours")

    assert "The carrier refuses the church's sender (the number is not ours)" in str(story(run, message)["waitsFor"])
    assert str(story(run, message)["waitsFor"]).endswith("[sender-paused]")


def test_the_text_is_shown_only_if_asked_for_and_that_is_recorded(
    run: Run, database: Database, church: KnownChurch
) -> None:
    message = compose(database, church.church_id, numbers=numbers(1))

    assert "text" not in story(run, message)
    assert rows(database, "SELECT count(*) FROM audit_events") == [(0,)]
    assert story(run, message, "--with-text")["text"] == TEXT
    assert f"Text:    {TEXT}" in run("message", "show", str(message), "--with-text").stdout
    assert rows(database, "SELECT action, subject, details FROM audit_events") == [
        ("message.text_shown", str(message), {}),
        ("message.text_shown", str(message), {}),
    ]


def test_other_messages_are_not_mixed_in(run: Run, database: Database, church: KnownChurch) -> None:
    message = expanded(database, church.church_id)
    expanded(database, church.church_id)
    expanded(database, create_church(database).church_id)

    deliveries = story(run, message)["deliveries"]

    assert [each["deliveries"] for each in deliveries] == [3]


@pytest.mark.parametrize("kind", ["message", "delivery"])
def test_an_unknown_id_is_named_in_one_line(run: Run, database: Database, kind: str) -> None:
    unknown, malformed = run(kind, "show", UNKNOWN), run(kind, "show", "x")

    assert (unknown.exit_code, malformed.exit_code) == (2, 2)
    assert f"Error: There is no {kind} {UNKNOWN}." in unknown.stderr
    assert "'x' is not a valid UUID" in malformed.stderr


def test_fifty_thousand_deliveries_are_summed_up(run: Run, database: Database, church: KnownChurch) -> None:
    message = compose(database, church.church_id, numbers=numbers(1))
    rows(
        database,
        """
        WITH written AS (
            INSERT INTO deliveries (message_id, church_id, channel, address, status, attempts, due_at, carrier_id,
                                    error_code)
            SELECT %(message)s, %(church)s, 'sms', '+1' || n, 'failed', 1, now(), 'SM' || n, (n %% 500)::text
            FROM generate_series(1, 50000) AS n
            RETURNING delivery_id, carrier_id
        ) INSERT INTO receipts (delivery_id, attempt, carrier_id, status, applied_at)
        SELECT delivery_id, 1, carrier_id, 'sent', now() FROM written
        """,
        message=message,
        church=church.church_id,
    )

    result = run("message", "show", str(message))

    assert result.exit_code == 0
    assert "50,000 receipts" in result.stdout
    assert "50,000 attempts" in result.stdout
    assert "and 450 more kinds of results" in result.stdout
    assert len(result.stdout.splitlines()) < 80


def test_the_story_of_a_delivery_explains_its_code(run: Run, database: Database, church: KnownChurch) -> None:
    message = expanded(database, church.church_id)
    delivery = update(
        database, message, place=0, status="undelivered", attempts=2, tries=1, carrier_id="SM0", error_code="30003"
    )
    with system_scope(database) as connection:
        receipts.insert(
            connection,
            [Receipt(delivery_id=delivery, attempt=2, carrier_id="SM0", status=Status.UNDELIVERED, error_code="30003")],
        )

    text = run("delivery", "show", str(delivery)).stdout
    shown = json.loads(run("delivery", "show", str(delivery), "--json").stdout)

    assert "30003: the phone cannot be reached: it is switched off or out of coverage" in text
    assert "Attempts:  2, 1 refused temporarily" in text
    assert "To:        +*********00" in text
    assert (shown["to"], shown["meaning"] is not None, len(shown["receipts"])) == ("+*********00", True, 1)
    assert "+12025550000" not in text


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"status": "queued", "reason": "quiet hours"}, "Due:"),
        ({"status": "unknown", "missed_reads": 2}, "Look-ups:  2 did not find it at the carrier"),
        ({"status": "suppressed", "reason": "no address", "address": None}, "To:        no address"),
        ({"status": "failed", "error_code": "99999"}, "Code:      99999"),
    ],
)
def test_each_status_of_a_delivery_has_its_line(
    run: Run, database: Database, church: KnownChurch, columns: dict[str, object], line: str
) -> None:
    delivery = update(database, expanded(database, church.church_id), place=0, **columns)

    result = run("delivery", "show", str(delivery))

    assert result.exit_code == 0
    assert line in result.stdout


def test_a_message_without_deliveries_is_shown(run: Run, database: Database, church: KnownChurch) -> None:
    message = compose(database, church.church_id, numbers=numbers(1))
    with system_scope(database) as connection:
        found = messages.get(connection, church_id=church.church_id, message_id=message)
    assert found is not None

    result = run("message", "show", str(message))

    assert result.exit_code == 0
    assert "Status:  accepted" in result.stdout
    assert "Deliveries" not in result.stdout
