"""Errors of the database as a whole. All are OperationalErrors, so that callers can handle them alike."""

from __future__ import annotations

from psycopg import OperationalError


class ServerUnresponsive(OperationalError):
    """PostgreSQL does not respond. The statement was abandoned and the connection closed."""


class StatementUnresponsive(ServerUnresponsive):
    """PostgreSQL responds to others, but neither ended this statement nor cancelled it at its timeout."""


class OutcomeUnknown(OperationalError):
    """The connection was lost during a COMMIT: the transaction may or may not have been committed."""


class UnfitDatabase(OperationalError):
    """The database must not be used as it is. The message gives the reason and the remedy."""


class SchemaMismatch(UnfitDatabase):
    """The database has another schema than this release needs."""


class PrivilegedRole(UnfitDatabase):
    """Row security does not apply to the role, so nothing would separate the churches."""
