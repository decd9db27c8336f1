"""Detects a connection pooler such as PgBouncer between this process and PostgreSQL."""

from __future__ import annotations

from typing import Any

from psycopg import Connection


def is_pooled(connection: Connection[Any]) -> bool:
    """Whether a pooler answered the connection. Costs one round trip; the connection must be in autocommit mode.

    A pooler gives its clients process ids of its own, which belong to no process of the server. In the transaction mode
    of PgBouncer, each transaction may run on another server connection, so nothing may be kept on a connection between
    two transactions: no prepared statements, and no locks or settings of the session.
    """
    [(process_id,)] = connection.execute("SELECT pg_backend_pid()").fetchall()
    return process_id != connection.info.backend_pid
