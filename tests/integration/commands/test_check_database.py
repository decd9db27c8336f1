"""`flask check-database`: every step, against real servers that have the fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

from api.checks import database_connection, database_suite
from api.commands.check_database import check_database
from store import database_checks
from store.errors import ServerUnresponsive
from tests.harness.check_lines import lines_of
from tests.harness.command_line import run_flask
from tests.harness.databases import empty_database_beside
from tests.harness.private_postgres import PrivatePostgres, private_postgres
from tests.harness.waiting import wait_until

STEPS = [
    "Connect",
    "Version",
    "Migrations",
    "Role",
    "Row security",
    "Indexes",
    "Bloat",
    "Oldest transaction",
    "Connections",
    "Prepared transactions",
    "Clock",
    "Read and write",
]

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'limited'"

Check = Callable[..., Result]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command in this process, with DATABASE_URL as its only setting."""

    def invoke(url: str, *arguments: str) -> Result:
        for name in ("REDIS_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL"):
            monkeypatch.delenv(name, raising=False)
        return CliRunner().invoke(check_database, arguments, env={"DATABASE_URL": url})

    return invoke


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    """A server whose settings and databases a test may change."""
    with private_postgres(tmp_path_factory.mktemp("server"), max_prepared_transactions="2") as own:
        yield own


@pytest.fixture
def superuser(superuser_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(superuser_database_url, autocommit=True) as connection:
        yield connection


def test_every_step_passes_with_nothing_but_database_url_and_nothing_is_changed(
    database_url: str, superuser: psycopg.Connection
) -> None:
    done = run_flask("check-database", DATABASE_URL=database_url)

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert [line[0] for line in lines_of(done.stdout).values()] == ["✅"] * len(STEPS)
    assert list(lines_of(done.stdout)) == STEPS
    assert done.stdout.splitlines()[-1] == "ALL TESTS PASSED"
    assert superuser.execute("SELECT count(*) FROM churches").fetchone() == (0,)


def test_json_contains_every_step(check: Check, database_url: str) -> None:
    document = json.loads(check(database_url, "--json").stdout)

    assert (document["check"], document["passed"]) == ("database", True)
    assert [step["name"] for step in document["steps"]] == STEPS
    assert ":***@" in document["target"]


def test_a_superuser_fails_the_check(check: Check, superuser_database_url: str) -> None:
    result = check(superuser_database_url)

    assert result.exit_code == 1
    assert "is a superuser, so row security would not separate the churches" in lines_of(result.stdout)["Role"]


def test_a_role_with_bypassrls_fails_the_check(check: Check, database_url: str, superuser: psycopg.Connection) -> None:
    role = f"bypassing_{uuid4().hex}"  # of its own: other tests connect as koinonia at the same time
    superuser.execute(f"CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD 'tests' IN ROLE koinonia".encode())
    try:
        result = check(database_url.replace("//koinonia:", f"//{role}:"))
    finally:
        superuser.execute(f"DROP ROLE {role}".encode())

    assert "has BYPASSRLS" in lines_of(result.stdout)["Role"]


@pytest.mark.parametrize("change", ["NO FORCE", "DISABLE"])
def test_a_table_without_forced_row_security_fails_the_check(
    check: Check, database_url: str, superuser: psycopg.Connection, change: str
) -> None:
    superuser.execute(f"ALTER TABLE contacts {change} ROW LEVEL SECURITY".encode())
    try:
        result = check(database_url)
    finally:
        superuser.execute("ALTER TABLE contacts FORCE ROW LEVEL SECURITY")
        superuser.execute("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY")

    assert lines_of(result.stdout)["Row security"] == "❌ not enabled and forced on contacts"


def test_an_invalid_index_fails_the_check(check: Check, database_url: str, superuser: psycopg.Connection) -> None:
    """It is what CREATE INDEX CONCURRENTLY leaves behind when it fails."""
    superuser.execute("CREATE TABLE with_duplicates AS SELECT 1 AS number FROM generate_series(1, 2)")
    try:
        with pytest.raises(psycopg.errors.UniqueViolation):
            superuser.execute("CREATE UNIQUE INDEX CONCURRENTLY left_behind ON with_duplicates (number)")
        result = check(database_url)
    finally:
        superuser.execute("DROP TABLE with_duplicates")

    assert lines_of(result.stdout)["Indexes"] == "❌ invalid, so queries do not use them: left_behind"
    assert "→ Indexes: REINDEX INDEX CONCURRENTLY …" in result.stdout


def test_many_dead_rows_are_a_warning(
    check: Check, database_url: str, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_checks.most_bloated_table, "__kwdefaults__", {"least_dead_rows": 5000})
    superuser.execute(
        "CREATE TABLE with_dead_rows WITH (autovacuum_enabled = off) AS SELECT n FROM generate_series(1, 6000) n"
    )
    try:
        superuser.execute("UPDATE with_dead_rows SET n = n + 1")
        superuser.execute("SELECT pg_stat_force_next_flush()")
        superuser.execute("SELECT 1")
        result = check(database_url)
    finally:
        superuser.execute("DROP TABLE with_dead_rows")

    assert lines_of(result.stdout)["Bloat"] == "⚠️ with_dead_rows: 50% of 12,000 rows are dead, never vacuumed"
    assert result.exit_code == 0


@pytest.mark.parametrize(("limit", "mark"), [("OLD_SECONDS", "⚠️"), ("TOO_OLD_SECONDS", "❌")])
def test_an_old_transaction_is_reported(
    check: Check, database_url: str, monkeypatch: pytest.MonkeyPatch, limit: str, mark: str
) -> None:
    monkeypatch.setattr(database_suite, limit, 0.0)
    with psycopg.connect(database_url, application_name="forgotten") as forgotten:
        forgotten.execute("SELECT 1")
        pid = forgotten.info.backend_pid
        result = check(database_url)

    line = lines_of(result.stdout)["Oldest transaction"]
    assert re.match(rf"{mark} open for \d+ s \(idle in transaction, pid {pid}, forgotten\)", line)


def test_a_prepared_transaction_fails_the_check(check: Check, server: PrivatePostgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("BEGIN; CREATE TEMPORARY TABLE t (); ROLLBACK")
        connection.execute("BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'")
        try:
            result = check(server.url)
        finally:
            connection.execute("ROLLBACK PREPARED 'forgotten'")

    assert re.match(r"❌ forgotten, prepared \d+ s ago", lines_of(result.stdout)["Prepared transactions"])


def test_connections_near_their_limit_fail_the_check(check: Check, server: PrivatePostgres) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE limited LOGIN PASSWORD 'tests' CONNECTION LIMIT 2")
        try:
            url = server.url.replace("koinonia:", "limited:")
            with psycopg.connect(url):
                result = check(url)
            wait_until(lambda: superuser.execute(SESSIONS).fetchone() == (0,), condition="its sessions have ended")
        finally:
            superuser.execute("DROP ROLE limited")

    assert lines_of(result.stdout)["Connections"] == "❌ 2 of 2, the limit of the role"


def test_a_database_that_may_only_be_read_fails_the_check(check: Check, server: PrivatePostgres) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER ROLE koinonia SET default_transaction_read_only = on")
        try:
            result = check(server.url)
        finally:
            superuser.execute("ALTER ROLE koinonia RESET default_transaction_read_only")

    assert lines_of(result.stdout)["Read and write"].startswith("❌ ReadOnlySqlTransaction")


def test_an_unmigrated_database_fails_the_check(check: Check, database_url: str, superuser_database_url: str) -> None:
    with empty_database_beside(database_url, superuser_database_url) as url:
        result = check(url)

    assert result.exit_code == 1
    lines = lines_of(result.stdout)
    assert lines["Migrations"] == "❌ The database has not been migrated: run `python -m store.migrate`."
    assert lines["Row security"] == "❌ no table has row security"


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        ("postgresql://koinonia:secret-word@127.0.0.1:1/koinonia", "Connection refused"),
        ("wrong password", "password authentication failed"),
    ],
)
def test_a_database_that_cannot_be_reached_ends_the_check(
    check: Check, database_url: str, url: str, finding: str
) -> None:
    result = check(url if "@" in url else database_url.replace(":tests@", ":secret-word@"))

    assert result.exit_code == 1
    assert list(lines_of(result.stdout)) == ["Connect"]
    assert finding in result.stdout
    assert "Not run: 11 more, which need what failed" in result.stdout
    assert "secret-word" not in result.output


def test_a_server_that_stands_still_ends_in_a_clear_line(check: Check, server: PrivatePostgres) -> None:
    with server.suspended():
        result = check(f"{server.url}?connect_timeout=2")

    assert list(lines_of(result.stdout)) == ["Connect"]
    assert "timeout" in lines_of(result.stdout)["Connect"]
    assert result.exit_code == 1


def test_a_server_that_stops_answering_ends_the_check(
    check: Check, server: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_connection, "ANSWER_SECONDS", 0.5)
    role_check = database_suite.role.check

    def stand_still(connection: psycopg.Connection) -> str:
        with server.suspended(), pytest.raises(ServerUnresponsive):
            role_check(connection)
        raise ServerUnresponsive("PostgreSQL does not answer")

    monkeypatch.setattr(database_suite.role, "check", stand_still)
    result = check(server.url)

    assert list(lines_of(result.stdout)) == STEPS[:4]
    assert lines_of(result.stdout)["Role"] == "❌ ServerUnresponsive: PostgreSQL does not answer"
    assert "Not run: 8 more" in result.stdout


def test_a_missing_database_url_is_named(tmp_path: Path) -> None:
    done = run_flask("check-database")

    assert done.returncode == 2
    assert "DATABASE_URL: is missing" in done.stderr
