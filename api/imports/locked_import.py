"""The import that a request changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import RequestRefused
from store import imports
from store.imports import Import


def lock_import(connection: Connection[Any], *, church_id: UUID, import_id: UUID) -> Import:
    """Return the import, locked. Raises RequestRefused (404)."""
    return _known(imports.get(connection, church_id=church_id, import_id=import_id, lock=True))


def read_import(connection: Connection[Any], *, church_id: UUID, import_id: UUID) -> Import:
    """Return the import. Raises RequestRefused (404)."""
    return _known(imports.get(connection, church_id=church_id, import_id=import_id))


def wrong_state(found: Import, wanted: str) -> RequestRefused:
    return RequestRefused(problems.WRONG_STATE, f"The import is {found.status}; {wanted}.")


def _known(found: Import | None) -> Import:
    if found is None:
        raise RequestRefused(problems.NOT_FOUND, "The church has no import with this id.")
    return found
