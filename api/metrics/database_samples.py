"""The samples that come from PostgreSQL: what all processes counted, and the present state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from api.metrics.samples import Samples
from channels.registry import CHANNELS
from messaging.states import Status
from messaging.submissions import ResultKind
from metrics.definitions import (
    CALLBACKS_REFUSED,
    CLAIM_LATE,
    DATABASE_BYTES,
    DATABASE_CONNECTIONS,
    DATABASE_CONNECTIONS_MAX,
    DATABASE_OLDEST_TRANSACTION,
    DELIVERIES,
    DELIVERY_CHANGES,
    MESSAGES_ACCEPTED,
    OLDEST_DELIVERY,
    OLDEST_RECEIPT,
    SENDERS_PAUSED,
    SENDERS_SLOWED,
    SUBMISSIONS,
)
from metrics.label_values import CALLBACK_REFUSALS, MESSAGE_SOURCES
from store import metric_readings, metrics
from store.metrics import NamedTotal

_AGED = (Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SENT)
"""Statuses in which a delivery does not stay for long if all is well."""
_USUAL_CHANGES = (
    ("none", Status.QUEUED.value, ""),
    (Status.QUEUED.value, Status.SENDING.value, ""),
    (Status.SENDING.value, Status.SENT.value, ""),
    (Status.SENT.value, Status.DELIVERED.value, ""),
    (Status.UNKNOWN.value, Status.SENT.value, ""),
)
"""(from, to, reason) that are shown before they happen."""


def add_totals(connection: Connection[Any], samples: Samples) -> None:
    """Counters and histograms, and how many deliveries each status has: what came into it less what left it."""
    for channel in CHANNELS:
        # A counter that first appears with 1 shows no increase, so that an alert would miss the first event.
        for kind in ResultKind:
            if kind is not ResultKind.UNSUBMITTED:
                samples.set(SUBMISSIONS, 0, channel, kind.value)
        for source in MESSAGE_SOURCES:
            samples.set(MESSAGES_ACCEPTED, 0, channel, source)
        for change in _USUAL_CHANGES:
            samples.set(DELIVERY_CHANGES, 0, channel, *change)
        for reason in CALLBACK_REFUSALS:
            samples.set(CALLBACKS_REFUSED, 0, channel, reason)
    totals = metrics.all_totals(connection)
    samples.add_totals(totals)
    for (channel, status), number in _numbers_by_status(totals).items():
        samples.set(DELIVERIES, number, channel, status)


def add_ages(connection: Connection[Any], samples: Samples) -> None:
    """What waits, and for how long."""
    late = metric_readings.late_claims(connection, list(CHANNELS))
    for channel in CHANNELS:
        for status in _AGED:
            samples.set(OLDEST_DELIVERY, 0.0, channel, status.value)
        samples.set(CLAIM_LATE, late.get(channel, 0.0), channel)
        samples.set(SENDERS_PAUSED, 0, channel)
        samples.set(SENDERS_SLOWED, 0, channel)
    for oldest in metric_readings.oldest_deliveries(connection, list(CHANNELS)):
        samples.set(OLDEST_DELIVERY, oldest.age_seconds, oldest.channel, oldest.status)
    samples.set(OLDEST_RECEIPT, metric_readings.oldest_receipt_seconds(connection))
    for waiting in metric_readings.waiting_senders(connection):
        metric = SENDERS_PAUSED if waiting.state == "paused" else SENDERS_SLOWED
        samples.set(metric, waiting.senders, waiting.channel)


def add_server(connection: Connection[Any], samples: Samples) -> None:
    """PostgreSQL itself."""
    statistics = metric_readings.server_statistics(connection)
    samples.set(DATABASE_BYTES, statistics.bytes)
    samples.set(DATABASE_CONNECTIONS_MAX, statistics.connections_max)
    samples.set(DATABASE_OLDEST_TRANSACTION, statistics.oldest_transaction_seconds)
    for each in metric_readings.connections(connection):
        samples.set(DATABASE_CONNECTIONS, each.connections, each.program, each.state)


PARTS = (add_totals, add_ages, add_server)
"""Each in a transaction of its own. The first is the one that matters most."""


def _numbers_by_status(totals: Iterable[NamedTotal]) -> Counter[tuple[str, str]]:
    numbers = Counter({(channel, status.value): 0 for channel in CHANNELS for status in Status})
    for total in totals:
        if total.name == DELIVERY_CHANGES.name:
            channel, number = total.labels["channel"], round(total.value)
            numbers[channel, total.labels["to"]] += number
            numbers[channel, total.labels["from"]] -= number
    return Counter({key: number for key, number in numbers.items() if key[1] != "none"})
