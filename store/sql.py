"""Loads the named queries of `queries/*.sql`."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import LiteralString, cast
from uuid import UUID

import aiosql

_FOLDER = Path(__file__).parent / "queries"

FIRST_ID = UUID(int=0)
LAST_ID = UUID(int=2**128 - 1)
"""Bounds for the first page. A bound that is always set always limits the index scan; with `:after IS NULL OR ...` a
generic plan would read all rows of the church for every page."""


def first_id_at(time: datetime) -> UUID:
    """Returns the smallest id (UUIDv7) that is generated at this time. Those generated earlier are smaller."""
    return UUID(int=max(0, int(time.timestamp() * 1000)) << 80)


@cache
def load(name: str) -> dict[str, LiteralString]:
    """Returns the queries of `queries/<name>.sql` by name, with %(parameter)s placeholders.

    They are typed as LiteralString because they come from files that are shipped with the code.
    """
    queries = aiosql.from_path(_FOLDER / f"{name}.sql", "psycopg", mandatory_parameters=False)
    return {
        query: cast(LiteralString, getattr(queries, query).sql)
        for query in queries.available_queries
        if not query.endswith("_cursor")
    }
