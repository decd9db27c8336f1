"""The ledger itself: a pool of connections wide enough for threads that race."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from store.database import Database, open_database
from tests.integration.store.ledger import Ledger


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=12, name="test")
    yield database
    database.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def empty_database(database_url: str, superuser_database_url: str) -> Iterator[str]:
    """A database without a schema, owned by the product's role."""
    name = f"{urlsplit(database_url).path[1:]}_empty"
    with psycopg.connect(superuser_database_url, autocommit=True) as connection:
        owner = sql.Identifier(urlsplit(database_url).username or "")
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(sql.Identifier(name), owner)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
        connection.execute(create)
        yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
        connection.execute(drop)
