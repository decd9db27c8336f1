"""Loads the named queries of `queries/*.sql`.

A line `-- include: NAME` in a query is replaced by `queries/fragments/NAME.sql`, which several queries share.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import LiteralString, cast
from uuid import UUID

import aiosql

_FOLDER = Path(__file__).parent / "queries"
_INCLUDE = re.compile(r"^-- include: (\w+)\n", re.MULTILINE)

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
    text = _INCLUDE.sub(_read_fragment, (_FOLDER / f"{name}.sql").read_text())
    queries = aiosql.from_str(text, "psycopg", mandatory_parameters=False)
    return {
        query: cast(LiteralString, getattr(queries, query).sql)
        for query in queries.available_queries
        if not query.endswith("_cursor")
    }


def _read_fragment(line: re.Match[str]) -> str:
    return (_FOLDER / "fragments" / f"{line[1]}.sql").read_text()
