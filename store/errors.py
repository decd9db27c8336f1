"""What can be wrong with the database as a whole. Each is an OperationalError: whoever handles one handles these."""

from __future__ import annotations

from psycopg import OperationalError


class ServerUnresponsive(OperationalError):
    """PostgreSQL takes connections, or did, and does not answer. What was under way was given up."""


class StatementUnresponsive(ServerUnresponsive):
    """PostgreSQL answers others, but this statement neither ended nor was ended by the server's own limit."""


class OutcomeUnknown(OperationalError):
    """The answer to a COMMIT did not come: the transaction may have been stored, or not."""


class SchemaMismatch(OperationalError):
    """The database has another schema than this release needs; the message tells an operator what to do."""
