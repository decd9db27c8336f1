"""How long each kind of process waits for PostgreSQL. All times in seconds.

The timeouts of statements and locks are set in each transaction, not on the connection: a pooler that shares
connections between clients (PgBouncer) refuses startup options, and session settings would apply to other clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PROBE_SECONDS = 2
"""How long a server may take to respond to a new connection before it is unresponsive. libpq's minimum is 2."""
GRACE_SECONDS = 5.0
"""How much longer than the statement timeout to wait: the server may be slow to report it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    statement: float
    """The server cancels a longer statement. 0: no limit."""
    lock: float
    """The server cancels a statement that waits longer for a lock."""
    idle_in_transaction: float
    """The server ends a session that leaves a transaction idle: its locks would block others."""
    connection: float
    """How long to wait for a free connection of the pool."""
    probe_after: float
    """How long to wait for a response before the server is probed with a new connection."""
    unacknowledged: float
    """How long sent data may stay unacknowledged (tcp_user_timeout)."""
    waits_for_server: bool = True
    """Whether to wait, as long as for a connection, for a server that is known to be unresponsive."""

    @property
    def longest_wait(self) -> float:
        """After this a statement is abandoned, even if the server responds to others."""
        return self.statement + GRACE_SECONDS if self.statement else float("inf")

    @property
    def settings(self) -> bytes:
        """Columns for the SELECT that begins a transaction; the settings apply until it ends."""
        names = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle_in_transaction,
        }
        return b"".join(
            b", set_config('%s', '%d', true)" % (name.encode(), round(1000 * seconds))
            for name, seconds in names.items()
        )

    def conninfo(self, url: str, *, name: str) -> str:
        """Returns the URL with defaults for parameters that it does not set. Unix sockets ignore those for TCP."""
        return make_conninfo(url, **self.defaults(conninfo_to_dict(url)), application_name=f"koinonia {name}")

    def defaults(self, explicit: Mapping[str, object]) -> dict[str, int]:
        """Returns connection parameters that are not among the `explicit` ones."""
        parameters = {
            "connect_timeout": 3,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": round(1000 * self.unacknowledged),
        }
        return {name: value for name, value in parameters.items() if name not in explicit}


WEB = Timeouts(
    statement=30,
    lock=10,
    idle_in_transaction=30,
    connection=2.5,
    probe_after=2,
    unacknowledged=5,
    waits_for_server=False,
)
"""If PostgreSQL becomes unresponsive, a request gets its response within 5 seconds: `connection` plus PROBE_SECONDS at
most. A statement may take longer while the server responds to others."""
SCRAPE = replace(WEB, statement=2, lock=1)
"""Each part of /metrics. Prometheus waits ten seconds for all of it."""
SENDING = Timeouts(statement=110, lock=30, idle_in_transaction=120, connection=3, probe_after=10, unacknowledged=20)
"""Workers of the channels. Statements end before the timeouts of their jobs (jobs/job_queue/job_kinds.py). Workers wait
longer for an unresponsive server, because they continue afterwards."""
HOUSEKEEPING = replace(SENDING, statement=590)
"""The worker of the housekeeping queue, which also rolls up daily totals."""
INLINE = replace(SENDING, connection=WEB.connection, probe_after=WEB.probe_after, waits_for_server=False)
"""Jobs that run inside a request, without queues."""
COMMAND = replace(SENDING, statement=600, probe_after=3)
"""An operator's command, and the checks when a process starts."""
MIGRATION = Timeouts(statement=0, lock=30, idle_in_transaction=0, connection=3, probe_after=10, unacknowledged=20)
"""A migration may take hours. While it waits for a lock, other statements on the table wait behind it."""
