"""What merge fields cost: texts from the message to the last receipt, with and without them, in turns.

    python -m tools.bench.merged_texts

It also previews a message to many, which counts what each of them would get.
Prints the CPU time for each text: of the PostgreSQL session by step, and of this process, which does what a worker does
around the carrier. The difference is the median of the rounds, each compared with the other of the same round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from messaging.merge_fields import parse
from messaging.retry import RetryPolicy
from messaging.states import Status
from store import claims, deliveries, message_expansion, previews, receipts
from store.audiences import Audience
from store.claims import ClaimTerms
from store.database import Database, church_scope, open_database, system_scope
from store.deliveries import DeliveryUpdate
from store.merge_fields import StoredMergeFields, to_store
from store.previews import PreviewedMessage
from store.receipts import Receipt
from tools.bench.delivery_changes import cpu_clock, running_server

_TERMS = ClaimTerms(channel="sms", limit=5000, lease_seconds=120, keeps_quiet_hours=True, age_limit_seconds=86_400)
_PLAIN = "Hi friend of the North campus, our harvest supper is on Sunday at half past ten. Everybody is welcome."
_MERGED = _PLAIN.replace("friend", "{{firstName|friend}}").replace("the North campus", "{{campus|our church}}")
_CHURCH = """
WITH church AS (
    INSERT INTO churches (name, window_opens, window_closes) VALUES ('Bench', 0, 1440) RETURNING church_id
), sender AS (
    INSERT INTO senders (church_id, channel, address) SELECT church_id, 'sms', '+15005550006' FROM church
), person AS (
    INSERT INTO contacts (church_id, name, phone, number_region, number_zones, fields)
    SELECT church_id, 'Ruth' || n || ' Miller', '+1202' || (5000000 + n), 'US', 'America/New_York',
           '{"campus": "the North campus"}'
    FROM church, generate_series(1, %(contacts)s) AS n
)
SELECT church_id FROM church
"""
_MESSAGE = """
INSERT INTO messages (
    church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at, merge_fields
)
VALUES (%(church_id)s, 'sms', %(content)s, 1, %(target_type)s, %(target)s, '\\x00', 'bench', now(), %(merge_fields)s)
RETURNING message_id
"""
Seconds = dict[str, float]
"""CPU seconds by step; `python` is this process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=300, help="recipients of each message")
    parser.add_argument("--texts", type=int, default=6000, help="texts in each round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--large", type=int, default=50_000, help="recipients of the message that is only expanded")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, running_server(Path(folder)) as (url, superuser_url):
        database = open_database(url, size=1, name="bench")
        with psycopg.connect(superuser_url, autocommit=True) as superuser:
            _compare(
                "a text, from the message to the last receipt",
                lambda content: _round(database, superuser, content, batch=options.batch, texts=options.texts),
                rounds=options.rounds,
                each=options.texts,
            )
            _compare(
                f"a recipient, of the expansion of one message to {options.large:,}",
                lambda content: _expand_large(database, superuser, content, recipients=options.large),
                rounds=options.rounds,
                each=options.large,
            )
            _compare(
                f"a recipient, of the preview of one message to {options.large:,}",
                lambda content: _preview_large(database, superuser, content, recipients=options.large),
                rounds=options.rounds,
                each=options.large,
            )
        database.close()


def _compare(title: str, measure: Callable[[str], Seconds], *, rounds: int, each: int) -> None:
    readings: dict[str, list[Seconds]] = {_PLAIN: [], _MERGED: []}
    order = [_PLAIN, _MERGED]
    for number in range(rounds + 1):
        for content in order:
            seconds = measure(content)
            if number:  # the first one warms up
                readings[content].append(seconds)
        order.reverse()
    print(f"CPU time, µs {title}: plain, with merge fields, median difference")
    for step in readings[_PLAIN][0]:
        plain, merged = ([1e6 * seconds[step] / each for seconds in readings[content]] for content in readings)
        differences = [one - other for one, other in zip(merged, plain, strict=True)]
        print(
            f"  {step:10} {statistics.median(plain):8.1f} {statistics.median(merged):8.1f} "
            f"{statistics.median(differences):+8.1f}"
        )


def _round(database: Database, superuser: psycopg.Connection, content: str, *, batch: int, texts: int) -> Seconds:
    superuser.execute("VACUUM ANALYZE deliveries, receipts, messages, contacts")
    with system_scope(database) as connection:
        church_id: UUID = _one(connection, _CHURCH, contacts=batch)
        people = [
            str(contact_id)
            for (contact_id,) in connection.execute("SELECT contact_id FROM contacts WHERE church_id = %s", [church_id])
        ]
        cpu_seconds = cpu_clock(connection.info.backend_pid)
    total: Seconds = {"expand": 0.0, "claim": 0.0, "rest": 0.0, "all": 0.0, "python": 0.0}
    began_python = time.process_time()
    for _ in range(texts // batch):
        for step, seconds in _pass_through(database, church_id, people, content, cpu_seconds).items():
            total[step] += seconds
    total["all"] = total["expand"] + total["claim"] + total["rest"]
    total["python"] = time.process_time() - began_python
    return total


def _pass_through(
    database: Database, church_id: UUID, people: list[str], content: str, cpu_seconds: Callable[[], float]
) -> Seconds:
    """From the message to its last receipt, each step in its own transaction as in the product."""
    began = cpu_seconds()
    with system_scope(database) as connection:
        _expand(connection, _insert(connection, church_id, content, contactIds=people))
    expanded = cpu_seconds()
    with system_scope(database) as connection:
        envelopes = claims.claim_for_church(connection, church_id, _TERMS).envelopes
    claimed = cpu_seconds()
    assert len({envelope.content for envelope in envelopes}) == (len(people) if content == _MERGED else 1)  # noqa: S101
    ids = {envelope.delivery_id: f"SM{envelope.delivery_id.hex}" for envelope in envelopes}
    with system_scope(database) as connection:
        results = [
            DeliveryUpdate(delivery_id=each, attempt=1, status=Status.SENT, carrier_id=carrier_id)
            for each, carrier_id in ids.items()
        ]
        deliveries.record(connection, results)
    for status in (Status.SENT, Status.DELIVERED):
        with system_scope(database) as connection:
            received = [
                Receipt(delivery_id=each, attempt=1, carrier_id=carrier_id, status=status, error_code=None)
                for each, carrier_id in ids.items()
            ]
            receipts.insert(connection, received)
    with system_scope(database) as connection:
        receipts.apply(connection, limit=2000, policy=RetryPolicy(), retryable_codes={"30003": 300.0})
    return {"expand": expanded - began, "claim": claimed - expanded, "rest": cpu_seconds() - claimed}


def _expand_large(database: Database, superuser: psycopg.Connection, content: str, *, recipients: int) -> Seconds:
    with system_scope(database) as connection:
        church_id: UUID = _one(connection, _CHURCH, contacts=recipients)
    superuser.execute("VACUUM ANALYZE deliveries, messages, contacts")
    with system_scope(database) as connection:
        message_id = _insert(connection, church_id, content)
        cpu_seconds = cpu_clock(connection.info.backend_pid)
        began = cpu_seconds()
        _expand(connection, message_id)
        seconds = cpu_seconds() - began
    superuser.execute("DELETE FROM deliveries WHERE church_id = %s", [church_id])
    superuser.execute("DELETE FROM contacts WHERE church_id = %s", [church_id])
    return {"expand": seconds}


def _preview_large(database: Database, superuser: psycopg.Connection, content: str, *, recipients: int) -> Seconds:
    with system_scope(database) as connection:
        church_id: UUID = _one(connection, _CHURCH, contacts=recipients)
    superuser.execute("VACUUM ANALYZE contacts")
    message = PreviewedMessage(
        audience=Audience(
            church_id=church_id, channel="sms", address_kind=AddressKind.PHONE, target_type="all", target={}
        ),
        content=content,
        details={},
        segments=1,
        merge_fields=_merge_fields(content) if content == _MERGED else None,
        keeps_quiet_hours=True,
        send_at=None,
    )
    with church_scope(database, church_id) as connection:
        cpu_seconds = cpu_clock(connection.info.backend_pid)
        began, began_python = cpu_seconds(), time.process_time()
        previewed = previews.recipients(connection, message)
        seconds = {"preview": cpu_seconds() - began, "python": time.process_time() - began_python}
    assert previewed.reached == recipients  # noqa: S101
    superuser.execute("DELETE FROM contacts WHERE church_id = %s", [church_id])
    return seconds


def _merge_fields(content: str) -> StoredMergeFields:
    return to_store({"content": parse(content)}, longest={"content": 1600}, needs_text=True, counts_segments=True)


def _insert(connection: psycopg.Connection, church_id: UUID, content: str, **target: list[str]) -> UUID:
    return _one(
        connection,
        _MESSAGE,
        church_id=church_id,
        content=content,
        target_type="contacts" if target else "all",
        target=Jsonb(target),
        merge_fields=Jsonb(_merge_fields(content)) if content == _MERGED else None,
    )


def _expand(connection: psycopg.Connection, message_id: UUID) -> None:
    message_expansion.expand(
        connection, message_ids=[message_id], address_kind=AddressKind.PHONE, keeps_quiet_hours=True
    )


def _one(connection: psycopg.Connection, statement: str, **parameters: Any) -> UUID:
    row = connection.execute(statement.encode(), parameters).fetchone()
    assert row is not None  # noqa: S101
    return row[0]


if __name__ == "__main__":
    main()
