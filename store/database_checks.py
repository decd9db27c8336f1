"""What `flask check-database` asks PostgreSQL: all from catalogs and statistics, whatever the size of the tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("database_checks")
_LEAST_DEAD_ROWS = 10_000

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class UnprotectedTable:
    table_name: str
    is_enabled: bool
    is_forced: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidIndex:
    index_name: str
    is_being_built: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BloatedTable:
    """The table with the largest share of dead rows. The figures are PostgreSQL's estimates."""

    table_name: str
    dead_rows: int
    live_rows: int
    size_bytes: int
    vacuumed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenTransaction:
    pid: int
    age_seconds: float
    state: str
    application_name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedTransaction:
    gid: str
    age_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """How many connections are used, and the limits of the server, the role and the database. -1: no limit."""

    used: int
    server_limit: int
    used_by_role: int
    role_limit: int
    used_in_database: int
    database_limit: int

    @property
    def nearest_limit(self) -> tuple[int, int, str]:
        """How many are used of how many, and whose limit that is: the one that is reached first."""
        limits = (
            (self.used, self.server_limit, "the server"),
            (self.used_by_role, self.role_limit, "the role"),
            (self.used_in_database, self.database_limit, "the database"),
        )
        return max((each for each in limits if each[1] > 0), key=lambda each: each[0] / each[1])


def unprotected_tables(connection: Connection[Any]) -> list[UnprotectedTable]:
    """Return the tables with rows of churches that row security does not protect from the service's own role."""
    with connection.cursor(row_factory=class_row(UnprotectedTable)) as cursor:
        return cursor.execute(_SQL["list_unprotected_tables"]).fetchall()


def protected_table_count(connection: Connection[Any]) -> int:
    return _value(connection.execute(_SQL["count_protected_tables"]).fetchone())


def invalid_indexes(connection: Connection[Any]) -> list[InvalidIndex]:
    with connection.cursor(row_factory=class_row(InvalidIndex)) as cursor:
        return cursor.execute(_SQL["list_invalid_indexes"]).fetchall()


def index_count(connection: Connection[Any]) -> int:
    return _value(connection.execute(_SQL["count_indexes"]).fetchone())


def most_bloated_table(connection: Connection[Any], *, least_dead_rows: int = _LEAST_DEAD_ROWS) -> BloatedTable | None:
    """Return the table with the largest share of dead rows, among those with `least_dead_rows` or more."""
    with connection.cursor(row_factory=class_row(BloatedTable)) as cursor:
        return cursor.execute(_SQL["most_bloated_table"], {"least_dead_rows": least_dead_rows}).fetchone()


def oldest_transaction(connection: Connection[Any]) -> OpenTransaction | None:
    """Return the oldest transaction of another session that this role may see."""
    with connection.cursor(row_factory=class_row(OpenTransaction)) as cursor:
        return cursor.execute(_SQL["oldest_transaction"]).fetchone()


def oldest_prepared_transaction(connection: Connection[Any]) -> PreparedTransaction | None:
    with connection.cursor(row_factory=class_row(PreparedTransaction)) as cursor:
        return cursor.execute(_SQL["oldest_prepared_transaction"]).fetchone()


def count_connections(connection: Connection[Any]) -> Connections:
    with connection.cursor(row_factory=class_row(Connections)) as cursor:
        counted = cursor.execute(_SQL["count_connections"]).fetchone()
    return _value((counted,))


def read_clock(connection: Connection[Any]) -> datetime:
    return _value(connection.execute(_SQL["read_clock"]).fetchone())


def write_and_read(connection: Connection[Any]) -> bool:
    """Write a row and return whether it can be read. The caller is in a transaction that it rolls back."""
    name = f"flask check-database {uuid4()}"
    church_id = _value(connection.execute(_SQL["write_probe"], {"name": name}).fetchone())
    return connection.execute(_SQL["read_probe"], {"church_id": church_id}).fetchone() == (name,)


def assign_transaction_id(connection: Connection[Any]) -> None:
    """Make the commit of this transaction wait for the server's disk, although it changes nothing."""
    connection.execute(_SQL["assign_transaction_id"])


def _value(row: tuple[Any, ...] | None) -> Any:
    assert row is not None  # noqa: S101 - these queries return one row
    return row[0]
