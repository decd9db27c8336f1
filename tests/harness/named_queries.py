"""The named queries of store/queries/."""

from __future__ import annotations

from pathlib import Path

from store import sql

QUERY_FILES = sorted(file.stem for file in (Path(sql.__file__).parent / "queries").glob("*.sql"))
QUERIES = {f"{file}.{name}": query for file in QUERY_FILES for name, query in sql.load(file).items()}
"""Each query's SQL by `file.name`."""
