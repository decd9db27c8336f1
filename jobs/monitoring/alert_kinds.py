"""The table of alerts: the name of each, and the first command to run. docs/operations.md explains each."""

from __future__ import annotations

from dataclasses import dataclass

RUNBOOK = "docs/operations.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertKind:
    """A kind of incident."""

    name: str
    """Also the title of its section in RUNBOOK."""
    first_command: str
    """What shows the operator more. `{subject}` stands for the incident's subject."""
    checks_to_open: int = 2
    """How many checks in a row must find it before it is an incident: one may hit a restart."""
    checks_to_recover: int = 3
    """How many checks in a row must find it gone before it has recovered."""

    @property
    def section(self) -> str:
        """The section of RUNBOOK that describes it and its remedy."""
        return f"{RUNBOOK}#{self.name}"


REDIS_DOWN = AlertKind(name="redis-down", first_command="flask check-redis")
POSTGRESQL_DOWN = AlertKind(name="postgresql-down", first_command="flask check-database")
CARRIER_UNREACHABLE = AlertKind(name="carrier-unreachable", first_command="flask check-carrier")
CARRIER_ERRORS = AlertKind(name="carrier-errors", first_command="flask check-carrier", checks_to_open=1)
RECEIPTS_MISSING = AlertKind(name="receipts-missing", first_command="flask check-carrier")
SENDER_REFUSED = AlertKind(name="sender-refused", first_command="flask failed")
CLOCK_LATE = AlertKind(name="clock-late", first_command="flask alerts")
WORKER_MISSING = AlertKind(name="worker-missing", first_command="flask queues", checks_to_open=4)
"""A restart takes some seconds."""
QUEUE_LATE = AlertKind(name="queue-late", first_command="flask queues")
QUEUE_LONG = AlertKind(name="queue-long", first_command="flask queues")
FAILED_JOBS = AlertKind(name="failed-jobs", first_command="flask failed", checks_to_open=4)
"""Of periodic jobs only those that go on failing count."""
DELIVERIES_IN_DOUBT = AlertKind(name="deliveries-in-doubt", first_command="flask resolve-unknown")
REDIS_MEMORY = AlertKind(name="redis-memory", first_command="flask queues")
REDIS_EVICTIONS = AlertKind(name="redis-evictions", first_command="flask check-redis", checks_to_open=1)
REDIS_CONNECTIONS = AlertKind(name="redis-connections", first_command="flask check-redis")
POSTGRESQL_CONNECTIONS = AlertKind(name="postgresql-connections", first_command="flask check-database")
DATABASE_SIZE = AlertKind(name="database-size", first_command="flask check-database")
DISK_FULL = AlertKind(name="disk-full", first_command="df -h")

ALERT_KINDS = {
    kind.name: kind
    for kind in (
        REDIS_DOWN,
        POSTGRESQL_DOWN,
        CARRIER_UNREACHABLE,
        CARRIER_ERRORS,
        RECEIPTS_MISSING,
        SENDER_REFUSED,
        CLOCK_LATE,
        WORKER_MISSING,
        QUEUE_LATE,
        QUEUE_LONG,
        FAILED_JOBS,
        DELIVERIES_IN_DOUBT,
        REDIS_MEMORY,
        REDIS_EVICTIONS,
        REDIS_CONNECTIONS,
        POSTGRESQL_CONNECTIONS,
        DATABASE_SIZE,
        DISK_FULL,
    )
}
"""By name, the most urgent first."""
