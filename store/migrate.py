"""Bring the database to the newest schema: `python -m store.migrate`."""

from __future__ import annotations

import hashlib
import sys
import time
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
import yoyo
from psycopg.conninfo import conninfo_to_dict

import logs
from settings import SettingsError, load_settings
from store import schema
from store.errors import SchemaMismatch
from store.pooler import is_pooled
from store.schema import MIGRATIONS
from store.timeouts import MIGRATION

CHECKSUMS = MIGRATIONS / "SHA256SUMS"
OLDEST_SERVER = 180000
_LOCK_KEY = 6_051_907
_LOCK_WAIT_SECONDS = 120

log = logs.get_logger(__name__)


class MigrationError(Exception):
    """The schema could not be migrated; the message says what an operator can do."""


def migrate(database_url: str) -> list[str]:
    """Apply the missing migrations, one process at a time, and return their names.

    Raises MigrationError if the server is too old or behind a pooler, a shipped file was edited, or another migration
    holds the lock.
    """
    _refuse_edited_files()
    with psycopg.connect(MIGRATION.conninfo(database_url, name="migrate"), autocommit=True) as guard:
        if guard.info.server_version < OLDEST_SERVER:
            raise MigrationError(
                f"PostgreSQL 18 or newer is needed; this server is {guard.info.server_version // 10000}."
            )
        if is_pooled(guard):  # the lock, which belongs to the session, would protect nothing, and stay behind
            raise MigrationError(
                "A connection pooler answers at this address, and migrations need PostgreSQL itself: set "
                "DIRECT_DATABASE_URL to its own address."
            )
        _take_lock(guard)
        try:
            schema.refuse_newer(guard)
        except SchemaMismatch as error:
            raise MigrationError(str(error)) from error
        backend = yoyo.get_backend(_yoyo_url(database_url))
        migrations = yoyo.read_migrations(str(MIGRATIONS))
        missing = backend.to_apply(migrations)
        # Not under yoyo's own lock: it is a row that a killed process leaves behind.
        backend.apply_migrations(missing)
        return [migration.id for migration in missing]


def checksums() -> dict[str, str]:
    """Returns the SHA-256 of each migration file as it is now, by file name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(MIGRATIONS.glob("*.sql"))}


def recorded_checksums() -> dict[str, str]:
    """Returns the SHA-256 of each migration file as it was shipped, by file name."""
    lines = CHECKSUMS.read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def _refuse_edited_files() -> None:
    now, shipped = checksums(), recorded_checksums()
    edited = sorted(name for name in now.keys() | shipped.keys() if now.get(name) != shipped.get(name))
    if edited:
        raise MigrationError(f"These migrations differ from {CHECKSUMS.name}: {', '.join(edited)}.")


def _take_lock(connection: psycopg.Connection) -> None:
    """Polls, because a session that waits for the lock inside the server deadlocks with CREATE INDEX CONCURRENTLY."""
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            raise MigrationError("Another migration has been running for two minutes; try again when it ends.")
        time.sleep(0.1)


def _yoyo_url(database_url: str) -> str:
    """The URL for yoyo's connection, with the same timeouts as startup options, which a pooler may refuse."""
    explicit = conninfo_to_dict(database_url)  # raises on a malformed URL, with a clearer error than yoyo's
    timeouts = (
        f"-c lock_timeout={round(1000 * MIGRATION.lock)} -c statement_timeout={round(1000 * MIGRATION.statement)}"
    )
    address = urlsplit(database_url)
    query = {
        **dict(parse_qsl(address.query)),
        **{name: str(value) for name, value in MIGRATION.defaults(explicit).items()},
        "options": f"{explicit.get('options') or ''} {timeouts}".strip(),
    }
    return urlunsplit(address._replace(scheme="postgresql+psycopg", query=urlencode(query, quote_via=quote)))


def main() -> None:
    try:
        settings = load_settings()
        logs.configure(fmt=settings.log_format, level=settings.log_level)
        applied = migrate(settings.direct_database_url or settings.database_url)
    except psycopg.errors.LockNotAvailable as error:
        sys.exit(
            f"migrate: {str(error).strip()}. Other processes use a table that is to be changed. The "
            "unfinished migration was rolled back: run it again, if necessary when there is less traffic."
        )
    except (SettingsError, MigrationError, psycopg.OperationalError) as error:
        sys.exit(f"migrate: {error}")
    log.info("schema is up to date", applied=applied)


if __name__ == "__main__":
    main()
