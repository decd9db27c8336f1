"""Named queries: each `.sql` file beside the functions that run it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString, cast
from uuid import UUID

import aiosql

_FOLDER = Path(__file__).parent / "queries"

FIRST_ID = UUID(int=0)
LAST_ID = UUID(int=2**128 - 1)
"""Where a page starts that starts nowhere: a bound that is always there is always a bound of the index, whereas
`:after IS NULL OR ...` makes a plan kept for any value read the whole church for every page."""


@cache
def load(name: str) -> dict[str, LiteralString]:
    """The queries of `queries/<name>.sql` by their names, with %(parameter)s places.

    They come from files shipped with the code, which is what LiteralString stands for.
    """
    queries = aiosql.from_path(_FOLDER / f"{name}.sql", "psycopg", mandatory_parameters=False)
    return {
        query: cast(LiteralString, getattr(queries, query).sql)
        for query in queries.available_queries
        if not query.endswith("_cursor")
    }


def all_names() -> list[str]:
    """The names of all query files."""
    return sorted(file.stem for file in _FOLDER.glob("*.sql"))
