"""Fixtures of the store tests: a pool with enough connections for concurrent threads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store.database import Database, open_database
from tests.harness.databases import empty_database_beside
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
    with empty_database_beside(database_url, superuser_database_url) as url:
        yield url
