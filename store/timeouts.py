"""How long each kind of process waits for PostgreSQL. All times in seconds.

The limits of statements and locks are set inside each transaction, not when a connection is made: a pooler that hands a
connection to many clients (PgBouncer) refuses startup options, and would let session settings reach others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PROBE_SECONDS = 2
"""How long a server may take to answer a new connection before it counts as standing still. libpq knows no less."""
GRACE_SECONDS = 5.0
"""How much longer than the server's own limit a statement is waited for: the server may be slow to say so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    statement: float
    """The server cancels a longer statement. 0: none is too long."""
    lock: float
    """The server cancels a statement that waits longer for a lock."""
    idle_in_transaction: float
    """The server ends a session that leaves a transaction open without using it: its locks would hold up others."""
    connection: float
    """How long to wait for a free connection of the pool."""
    probe_after: float
    """How long to wait for an answer before a new connection tries whether the server answers anyone."""
    unacknowledged: float
    """How long the network may leave what was sent unacknowledged (tcp_user_timeout)."""
    waits_for_server: bool = True
    """Whether to wait, as long as for a connection, for a server that is known to stand still."""

    @property
    def longest_wait(self) -> float:
        """After this no answer is expected any more, however well the server answers others."""
        return self.statement + GRACE_SECONDS if self.statement else float("inf")

    @property
    def settings(self) -> bytes:
        """Further columns for the SELECT that opens a transaction: they hold until it ends."""
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
        """What libpq is told: the URL, and what it leaves open. Unix sockets ignore what is for TCP."""
        return make_conninfo(url, **self.left_open(conninfo_to_dict(url)), application_name=f"koinonia {name}")

    def left_open(self, given: Mapping[str, object]) -> dict[str, int]:
        """The parameters of a connection that a URL with those `given` does not set."""
        usual = {
            "connect_timeout": 3,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": round(1000 * self.unacknowledged),
        }
        return {name: value for name, value in usual.items() if name not in given}


WEB = Timeouts(
    statement=30,
    lock=10,
    idle_in_transaction=30,
    connection=2.5,
    probe_after=2,
    unacknowledged=5,
    waits_for_server=False,
)
"""When PostgreSQL falls silent, a request is answered within 5 seconds: `connection` and PROBE_SECONDS at the most.
A statement may take longer than that while the server answers others."""
SENDING = Timeouts(statement=110, lock=30, idle_in_transaction=120, connection=3, probe_after=10, unacknowledged=20)
"""Workers of the channels: statements end before the jobs that run them (jobs/job_queue/job_kinds.py). They wait longer
for a server that stands still, for their work goes on when it does."""
HOUSEKEEPING = replace(SENDING, statement=590)
"""The worker that rolls up totals."""
INLINE = replace(SENDING, connection=WEB.connection, probe_after=WEB.probe_after, waits_for_server=False)
"""Jobs that run inside a request, without queues."""
COMMAND = replace(SENDING, statement=600, probe_after=3)
"""An operator's command, and a look at the database when a process starts."""
MIGRATION = Timeouts(statement=0, lock=30, idle_in_transaction=0, connection=3, probe_after=10, unacknowledged=20)
"""A migration may take hours, but while it waits for a lock everybody else waits behind it."""
