"""The database transaction of a command. If the database cannot be used, the command ends with one clear line."""

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
from store.errors import OutcomeUnknown, UnfitDatabase
from store.timeouts import COMMAND


@contextmanager
def transaction() -> Generator[Connection[Any]]:
    """Open a transaction that sees all churches. An exception in the block rolls it back.

    Raises click.ClickException, with what to do, if the database is unreachable, busy or not migrated.
    """
    try:
        with system_scope(services().database, timeouts=COMMAND) as connection:
            yield connection
    except UnfitDatabase as error:
        raise click.ClickException(str(error)) from error
    except OutcomeUnknown as error:
        raise click.ClickException(
            "The connection to the database was lost during the commit, so the change may have been stored, or not. "
            "Check before you repeat the command."
        ) from error
    except (LockNotAvailable, QueryCanceled) as error:
        raise click.ClickException(
            "The database is too busy. Nothing was changed: repeat the command in a moment."
        ) from error
    except psycopg.OperationalError as error:  # also PoolTimeout
        raise click.ClickException("The database cannot be reached: check DATABASE_URL.") from error
