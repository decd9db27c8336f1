"""Migrations are applied once, by one process at a time, from unedited files."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from store import migrate as module
from store.migrate import MigrationError, migrate
from tests.integration.store.ledger import together

SHIPPED = sorted(file.stem for file in module.MIGRATIONS.glob("*.sql"))


@pytest.fixture
def edited_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may edit."""
    folder = tmp_path / "migrations"
    shutil.copytree(module.MIGRATIONS, folder)
    monkeypatch.setattr(module, "MIGRATIONS", folder)
    monkeypatch.setattr(module, "CHECKSUMS", folder / module.CHECKSUMS.name)
    return folder


def test_an_empty_database_gets_all_migrations_and_a_second_run_applies_none(empty_database: str) -> None:
    assert [migrate(empty_database), migrate(empty_database)] == [SHIPPED, []]


def test_concurrent_runs_apply_all_migrations_once(empty_database: str) -> None:
    answers = together(2, lambda _: migrate(empty_database))

    assert sorted(answers) == [[], SHIPPED]


def test_a_run_that_cannot_get_the_lock_fails(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOCK_WAIT_SECONDS", 0)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (vars(module)["_LOCK_KEY"],))

        with pytest.raises(MigrationError, match="Another migration"):
            migrate(database_url)


def test_the_lock_is_released_when_the_connection_of_its_process_ends(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOCK_WAIT_SECONDS", 5)
    with psycopg.connect(database_url, autocommit=True) as killed:
        killed.execute("SELECT pg_advisory_lock(%s)", (vars(module)["_LOCK_KEY"],))

    assert migrate(database_url) == []


@pytest.mark.parametrize("difference", ["edited", "missing", "extra"])
def test_files_that_differ_from_the_shipped_ones_are_refused_by_name(
    difference: str, edited_folder: Path, database_url: str
) -> None:
    file = edited_folder / f"{SHIPPED[-1]}.sql"
    match difference:
        case "edited":
            file.write_text(file.read_text() + "\n-- harmless\n")
        case "missing":
            file.unlink()
        case _:
            file = edited_folder / "9999_mine.sql"
            file.write_text("SELECT 1;")

    with pytest.raises(MigrationError, match=file.name):
        migrate(database_url)


def test_an_old_server_is_refused_with_both_versions(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST_SERVER", 990000)

    with pytest.raises(MigrationError, match=r"is needed; this server is \d\d\."):
        migrate(database_url)


def test_the_role_and_database_of_the_readme_can_be_migrated(superuser_database_url: str) -> None:
    readme = (Path(module.__file__).parents[1] / "README.md").read_text()
    statements = readme.partition("```sql")[2].partition("```")[0].replace("koinonia", "koinonia_readme")
    parts = urlsplit(superuser_database_url)
    url = urlunsplit(
        parts._replace(netloc=f"koinonia_readme:change-me@{parts.hostname}:{parts.port}", path="/koinonia_readme")
    )
    drops = ("DROP DATABASE IF EXISTS koinonia_readme WITH (FORCE)", "DROP ROLE IF EXISTS koinonia_readme")
    with psycopg.connect(superuser_database_url, autocommit=True) as connection:
        try:
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(statement.encode())
            assert migrate(url) == SHIPPED
        finally:
            for drop in drops:
                connection.execute(drop.encode())


def test_a_migration_has_a_lock_timeout_and_no_statement_timeout(empty_database: str, edited_folder: Path) -> None:
    file = edited_folder / "9999_limits.sql"
    file.write_text(
        f"-- depends: {SHIPPED[-1]}\n"
        "CREATE TABLE limits AS SELECT current_setting('lock_timeout') AS lock, "
        "current_setting('statement_timeout') AS statement;"
    )
    digest = module.checksums()[file.name]
    module.CHECKSUMS.write_text(f"{module.CHECKSUMS.read_text()}{digest}  {file.name}\n")

    migrate(empty_database)

    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT lock, statement FROM limits").fetchone() == ("30s", "0")


def test_a_database_that_a_newer_release_migrated_is_refused(empty_database: str) -> None:
    migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('x', '9999_newer')")

    with pytest.raises(MigrationError, match="9999_newer"):
        migrate(empty_database)
