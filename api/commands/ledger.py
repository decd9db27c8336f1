"""The ledger as the commands use it: one transaction, and a plain line when it cannot be had."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import click
import psycopg
from psycopg import Connection
from psycopg_pool import PoolTimeout

from api.services import services
from store.database import system_scope


@contextmanager
def ledger() -> Generator[Connection[Any]]:
    """One transaction that sees every church; nothing of it stays when the block raises.

    Raises click.ClickException when the database is away or has no tables yet.
    """
    try:
        with system_scope(services().database) as connection:
            yield connection
    except psycopg.errors.UndefinedTable as error:
        raise click.ClickException("The database has no tables yet: run `python -m store.migrate`.") from error
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise click.ClickException("The database cannot be reached: check DATABASE_URL.") from error
