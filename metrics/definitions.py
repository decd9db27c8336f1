"""Every metric that the service has: one table, from which /metrics is written and the documents are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

SHORT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds for requests and submissions."""
LONG_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
"""Upper bounds for what waits its turn: a large send at a slow pace takes hours."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Metric:
    """A metric as Prometheus sees it. Counters end in `_total`, times are in seconds, sizes in bytes.

    Each exists once. As a key of a dict it is compared by identity, which is much faster than by its fields.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in order, without infinity."""


def _counter(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(name=name, kind="counter", help=help_text, labels=labels)


def _gauge(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(name=name, kind="gauge", help=help_text, labels=labels)


def _histogram(name: str, help_text: str, *labels: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(name=name, kind="histogram", help=help_text, labels=labels, buckets=buckets)


# Deliveries
DELIVERY_CHANGES = _counter(
    "koinonia_delivery_changes_total",
    "Deliveries that came from one status into another; `none` before they are written and after they are deleted.",
    "channel",
    "from",
    "to",
    "reason",
)
DELIVERIES = _gauge("koinonia_deliveries", "Deliveries in each status now.", "channel", "status")
OLDEST_DELIVERY = _gauge(
    "koinonia_oldest_delivery_seconds",
    "How long the oldest delivery has been due (queued) or in its status; 0 without one.",
    "channel",
    "status",
)
CLAIM_LATE = _gauge(
    "koinonia_claim_late_seconds",
    "How long the paced sender that has waited longest could have sent and was not claimed for; 0 without one.",
    "channel",
)
OLDEST_RECEIPT = _gauge(
    "koinonia_oldest_receipt_seconds", "Age of the oldest stored receipt that is not applied; 0 without one."
)
SENT_AFTER = _histogram(
    "koinonia_sent_after_seconds",
    "From when a delivery was due until the carrier accepted it.",
    "channel",
    buckets=LONG_SECONDS,
)
DELIVERED_AFTER = _histogram(
    "koinonia_delivered_after_seconds",
    "From when a delivery was due until the receipt `delivered` was applied.",
    "channel",
    buckets=LONG_SECONDS,
)

# Messages and requests
MESSAGES_ACCEPTED = _counter(
    "koinonia_messages_accepted_total", "Messages that were stored to be sent.", "channel", "source"
)
REQUEST_SECONDS = _histogram(
    "koinonia_request_seconds",
    "Time in the web process from a complete request to its response.",
    "method",
    "route",
    "status",
    buckets=SHORT_SECONDS,
)
CALLBACKS_REFUSED = _counter(
    "koinonia_callbacks_refused_total", "Callbacks that were refused, by reason.", "channel", "reason"
)

INBOUND_MESSAGES = _counter(
    "koinonia_inbound_messages_total", "Messages that people wrote, by what became of them.", "channel", "outcome"
)

# Carriers and senders
SUBMISSIONS = _counter("koinonia_submissions_total", "Results of submissions to the carrier.", "channel", "result")
CARRIER_SECONDS = _histogram(
    "koinonia_carrier_seconds",
    "From the submission of a delivery to the carrier until its response or timeout.",
    "channel",
    buckets=SHORT_SECONDS,
)
SENDERS_PAUSED = _gauge("koinonia_senders_paused", "Senders that wait for a person after a refusal.", "channel")
SENDERS_SLOWED = _gauge("koinonia_senders_slowed", "Senders that pause because the carrier asked for it.", "channel")

# Queues and the clock
QUEUE_JOBS = _gauge("koinonia_queue_jobs", "Jobs that wait on the queue.", "queue")
QUEUE_OLDEST_JOB = _gauge(
    "koinonia_queue_oldest_job_seconds", "How long the job at the head of the queue has waited; 0 without one.", "queue"
)
QUEUE_WORKERS = _gauge("koinonia_queue_workers", "Worker processes that serve the queue.", "queue")
QUEUE_FAILED_JOBS = _gauge("koinonia_queue_failed_jobs", "Jobs on the list of failed jobs.", "queue")
JOB_SECONDS = _histogram(
    "koinonia_job_seconds", "How long jobs ran, by outcome.", "job", "outcome", buckets=SHORT_SECONDS
)
CLOCK_LAST_TICK = _gauge(
    "koinonia_clock_last_tick_timestamp_seconds", "When the clock enqueued the periodic job last (Unix time).", "tick"
)
CLOCK_INTERVAL = _gauge(
    "koinonia_clock_tick_interval_seconds", "How often the clock enqueues the periodic job.", "tick"
)

# Servers
UP = _gauge("koinonia_up", "Whether the server answered this scrape: 1 or 0.", "server")
SCRAPE_SECONDS = _gauge("koinonia_scrape_seconds", "How long this scrape waited for the server.", "server")
REDIS_MEMORY = _gauge("koinonia_redis_memory_bytes", "Memory that Redis uses for its data (used_memory).")
REDIS_MEMORY_MAX = _gauge("koinonia_redis_memory_max_bytes", "The limit maxmemory of Redis; 0 without one.")
REDIS_CLIENTS = _gauge("koinonia_redis_clients", "Connections to Redis.")
REDIS_CLIENTS_MAX = _gauge("koinonia_redis_clients_max", "The most connections that Redis allows.")
REDIS_EVICTED = _counter("koinonia_redis_evicted_keys_total", "Keys that Redis removed because its memory was full.")
REDIS_LAST_SAVE = _gauge("koinonia_redis_last_save_timestamp_seconds", "When Redis saved its data last (Unix time).")
DATABASE_CONNECTIONS = _gauge(
    "koinonia_database_connections",
    "Connections to PostgreSQL, by the program that opened them and what they do now.",
    "program",
    "state",
)
DATABASE_CONNECTIONS_MAX = _gauge(
    "koinonia_database_connections_max", "The most connections that PostgreSQL allows to the service's role."
)
DATABASE_BYTES = _gauge("koinonia_database_bytes", "Size of the database on disk.")
DATABASE_OLDEST_TRANSACTION = _gauge(
    "koinonia_database_oldest_transaction_seconds", "Age of the oldest open transaction; 0 without one."
)
POOL_REQUESTS = _counter(
    "koinonia_database_pool_requests_total", "Times that a process took a connection from its pool.", "pool"
)
POOL_WAITS = _counter(
    "koinonia_database_pool_waits_total", "Times that a process waited because its pool had none free.", "pool"
)
POOL_WAIT_SECONDS = _counter("koinonia_database_pool_wait_seconds_total", "Time spent in these waits.", "pool")

METRICS = (
    DELIVERY_CHANGES,
    DELIVERIES,
    OLDEST_DELIVERY,
    CLAIM_LATE,
    OLDEST_RECEIPT,
    SENT_AFTER,
    DELIVERED_AFTER,
    MESSAGES_ACCEPTED,
    REQUEST_SECONDS,
    CALLBACKS_REFUSED,
    INBOUND_MESSAGES,
    SUBMISSIONS,
    CARRIER_SECONDS,
    SENDERS_PAUSED,
    SENDERS_SLOWED,
    QUEUE_JOBS,
    QUEUE_OLDEST_JOB,
    QUEUE_WORKERS,
    QUEUE_FAILED_JOBS,
    JOB_SECONDS,
    CLOCK_LAST_TICK,
    CLOCK_INTERVAL,
    UP,
    SCRAPE_SECONDS,
    REDIS_MEMORY,
    REDIS_MEMORY_MAX,
    REDIS_CLIENTS,
    REDIS_CLIENTS_MAX,
    REDIS_EVICTED,
    REDIS_LAST_SAVE,
    DATABASE_CONNECTIONS,
    DATABASE_CONNECTIONS_MAX,
    DATABASE_BYTES,
    DATABASE_OLDEST_TRANSACTION,
    POOL_REQUESTS,
    POOL_WAITS,
    POOL_WAIT_SECONDS,
)
"""All metrics, in the order in which they are shown."""
