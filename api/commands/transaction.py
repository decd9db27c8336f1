"""One database transaction for a command, with one clear line when the database cannot be used."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import click
import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable, QueryCanceled

from api.services import services
from store.database import system_scope
from store.errors import OutcomeUnknown, SchemaMismatch
from store.timeouts import COMMAND


@contextmanager
def transaction() -> Generator[Connection[Any]]:
    """Opens a transaction that sees every church. It is rolled back when the block raises.

    Raises click.ClickException with the remedy when the database is unreachable, busy or not migrated.
    """
    try:
        with system_scope(services().database, limits=COMMAND) as connection:
            yield connection
    except SchemaMismatch as error:
        raise click.ClickException(str(error)) from error
    except OutcomeUnknown as error:
        raise click.ClickException(
            "The connection to the database was lost during the commit: the change may have been stored or not. "
            "Check before you repeat the command."
        ) from error
    except (LockNotAvailable, QueryCanceled) as error:
        raise click.ClickException(
            "The database was too busy, so nothing was changed: repeat the command in a moment."
        ) from error
    except psycopg.OperationalError as error:  # a PoolTimeout is one too
        raise click.ClickException("The database cannot be reached: check DATABASE_URL.") from error
