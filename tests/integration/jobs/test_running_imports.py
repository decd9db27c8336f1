"""An import survives the death of its worker at any point: the contacts are the same as without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from api.imports.uploaded_file import UploadedFile
from api.imports.uploading import upload
from jobs import run_imports as job
from jobs.enqueue_due import enqueue_due
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from jobs.prune import prune
from jobs.run_imports import run_imports
from jobs.worker.runtime import Runtime, use_runtime
from settings import Settings
from store import contact_fields, contacts, imports, people
from store.audit import Actor
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from store.imports import Import
from tests.harness.churches import create_church
from tests.harness.contact_files import csv_file
from tests.harness.contact_files import people as people_rows
from tests.harness.waiting import wait_until

ACTOR = Actor(kind="command", name="test")
WORKER = """
import sys
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.run_imports import run_imports
from jobs.worker.runtime import Runtime, use_runtime
from settings import load_settings
from store.database import open_database

settings = load_settings(database_url=sys.argv[1], redis_url=sys.argv[2], public_url="http://127.0.0.1:9",
    twilio_account_sid="AC" + "0" * 32, twilio_auth_token="0" * 32)
runtime = Runtime(settings, database=open_database(settings.database_url, size=2, name="x"),
    job_queue=RedisJobQueue(settings))
print("ready", flush=True)
with use_runtime(runtime):
    while True:
        run_imports()
"""


class Killed(BaseException):
    """Ends a job as the death of its process does: nothing after it is done."""


@pytest.fixture
def runtime(settings: Settings, database: Database, job_queue: JobQueue) -> Iterator[Runtime]:
    runtime = Runtime(settings, database=database, job_queue=job_queue)
    with use_runtime(runtime):
        yield runtime


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of ten rows, so that a small file has several."""
    monkeypatch.setattr("store.imports.PART_ROWS", 10)
    monkeypatch.setattr("store.import_rows.PART_ROWS", 10)
    monkeypatch.setattr("store.import_rows.UNDONE_AT_ONCE", 10)


def uploaded(database: Database, church_id: UUID, data: bytes, **options: Any) -> UUID:
    """Upload a file and start its import."""
    with church_scope(database, church_id) as connection:
        contact_fields.add_names(connection, church_id=church_id, names=["campus"])
    found = upload(database, church_id=church_id, file=UploadedFile(name="a.csv", data=data), actor=ACTOR)
    with church_scope(database, church_id) as connection:
        connection.execute("UPDATE imports SET existing_policy = 'replace' WHERE import_id = %s", (found.import_id,))
        imports.start(
            connection,
            church_id=church_id,
            import_id=found.import_id,
            group_id=options.get("group_id"),
            actor=ACTOR,
        )
    return found.import_id


def church_with_people(database: Database) -> tuple[UUID, UUID]:
    """A church with a group, of whose people some are in the file too. Returns the ids of both."""
    church_id = create_church(database).church_id
    with church_scope(database, church_id) as connection:
        known = [
            Person(name=f"Ruth{n} Bell", phone=f"+1202555{n:04d}", email=f"r{n}@example.org") for n in range(5, 40, 3)
        ]
        contacts.add(connection, church_id=church_id, people=known)
        row = connection.execute(
            "INSERT INTO groups (church_id, name) VALUES (%s, 'Choir') RETURNING group_id", (church_id,)
        ).fetchone()
    assert row is not None
    return church_id, row[0]


def file() -> bytes:
    """Thirty-five people, one of them twice, and two rows that are refused."""
    rows = people_rows(35)
    return csv_file([*rows, ("Amos", "", "12", ""), rows[7], ("", "", "", "South")])


def state(database: Database, church_id: UUID) -> list[Any]:
    """Everything that an import changes, without ids and times."""
    queries = (
        "SELECT name, phone, email, time_zone, fields, number_region, number_zones FROM contacts ORDER BY phone, name",
        "SELECT name FROM contacts JOIN group_members USING (contact_id) ORDER BY name",
        "SELECT row_number, line, outcome, grouped, reason, column_name, value, undone FROM import_rows ORDER BY 1",
        "SELECT status, created, updated, unchanged, refused, grouped, removed, restored, kept FROM imports",
        "SELECT action FROM audit_events WHERE action LIKE 'import.%' ORDER BY audit_event_id",
        "SELECT part FROM import_parts",
    )
    with church_scope(database, church_id) as connection:
        return [connection.execute(query.encode()).fetchall() for query in queries]


def found_import(database: Database, church_id: UUID, import_id: UUID) -> Import:
    with church_scope(database, church_id) as connection:
        found = imports.get(connection, church_id=church_id, import_id=import_id)
    assert found is not None
    return found


def end_leases(database: Database) -> None:
    with system_scope(database) as connection:
        connection.execute(
            "UPDATE imports SET lease_until = now() WHERE import_id IN ("
            "SELECT import_id FROM imports WHERE lease_until IS NOT NULL ORDER BY import_id FOR UPDATE)"
        )


def undo(database: Database, church_id: UUID, import_id: UUID) -> None:
    with church_scope(database, church_id) as connection:
        assert imports.begin_undoing(connection, church_id=church_id, import_id=import_id)


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, statement: int, *, at_commit: bool) -> Generator[list[int]]:
    """End the job before the nth statement from now on, or after the nth commit. Yields the count."""
    name = "commit" if at_commit else "execute"
    original: Callable[..., Any] = getattr(psycopg.Connection, name)
    counted = [0]

    def count(connection: Any, *arguments: Any, **options: Any) -> Any:
        counted[0] += 1
        if counted[0] == statement and not at_commit:
            raise Killed
        result = original(connection, *arguments, **options)
        if counted[0] == statement:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, name, count)
        yield counted


@pytest.mark.parametrize("at_commit", [False, True], ids=["before each statement", "after each commit"])
@pytest.mark.parametrize("undone", [False, True], ids=["taken", "undone"])
@pytest.mark.usefixtures("runtime")
def test_a_job_that_dies_anywhere_leaves_the_same_as_one_that_does_not(
    database: Database, monkeypatch: pytest.MonkeyPatch, at_commit: bool, undone: bool
) -> None:
    def prepared() -> tuple[UUID, UUID]:
        church_id, group_id = church_with_people(database)
        import_id = uploaded(database, church_id, file(), group_id=group_id)
        if undone:
            run_imports()
            undo(database, church_id, import_id)
        return church_id, import_id

    church_id, import_id = prepared()
    with killed_at(monkeypatch, -1, at_commit=at_commit) as counted:
        run_imports()
    expected, statements = state(database, church_id), counted[0]
    assert found_import(database, church_id, import_id).status == ("undone" if undone else "finished")
    assert statements >= 10

    for statement in range(1, statements + 1):
        church_id, import_id = prepared()
        with killed_at(monkeypatch, statement, at_commit=at_commit), pytest.raises(Killed):
            run_imports()
        end_leases(database)
        run_imports()
        assert state(database, church_id) == expected, statement


def test_a_worker_process_that_is_killed_leaves_the_same(
    database: Database, runtime: Runtime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # parts of a thousand rows, in the worker as here
    data = csv_file([*people_rows(6_000), *people_rows(500)[1:]])
    church_id, group_id = church_with_people(database)
    uploaded(database, church_id, data, group_id=group_id)
    run_imports_until_done(database, church_id)
    expected = state(database, church_id)

    church_id, group_id = church_with_people(database)
    import_id = uploaded(database, church_id, data, group_id=group_id)
    kills = 0
    while found_import(database, church_id, import_id).status == "running":
        done = found_import(database, church_id, import_id).next_part
        with worker_process(settings) as worker:
            wait_until(lambda done=done: found_import(database, church_id, import_id).next_part > done)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            kills += 1
        end_leases(database)

    assert kills >= 3
    assert state(database, church_id) == expected


@contextmanager
def worker_process(settings: Settings) -> Generator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", WORKER, settings.database_url, settings.redis_url or ""]
    root = Path(__file__).parents[3]
    with subprocess.Popen(arguments, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run_imports_until_done(database: Database, church_id: UUID) -> None:
    """Run the job again and again, as it enqueues itself."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run_imports()
        with church_scope(database, church_id) as connection:
            if not connection.execute("SELECT FROM imports WHERE status IN ('running', 'undoing')").fetchall():
                return
    raise AssertionError("the import does not end")


def test_two_workers_at_once_take_each_row_once(database: Database, runtime: Runtime) -> None:
    church_id, group_id = church_with_people(database)
    uploaded(database, church_id, file(), group_id=group_id)
    run_imports()
    expected = state(database, church_id)
    church_id, group_id = church_with_people(database)
    import_id = uploaded(database, church_id, file(), group_id=group_id)

    def work(_: int) -> None:
        with use_runtime(runtime):
            for _ in range(3):
                end_leases(database)  # as if each of them thought that the other is dead
                run_imports()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    end_leases(database)
    run_imports()

    assert found_import(database, church_id, import_id).status == "finished"
    assert state(database, church_id) == expected


@pytest.mark.usefixtures("runtime")
def test_a_job_that_is_out_of_time_goes_on_later_and_lets_another_church_go_first(
    database: Database, monkeypatch: pytest.MonkeyPatch, enqueued_jobs: list[str]
) -> None:
    monkeypatch.setattr(job, "BUDGET_SECONDS", 0)
    (first, _), (second, _) = church_with_people(database), church_with_people(database)
    one, other = uploaded(database, first, file()), uploaded(database, second, file())

    run_imports()
    run_imports()

    assert found_import(database, first, one).next_part == found_import(database, second, other).next_part == 1
    assert enqueued_jobs == ["run_imports", "run_imports"]


def test_a_worker_leases_one_import_however_the_statement_is_planned(
    database: Database, superuser_database_url: str
) -> None:
    """After statistics of one import, PostgreSQL may read the imports first and look for what is due for each."""
    first, _ = church_with_people(database)
    uploaded(database, first, file())
    with psycopg.connect(superuser_database_url, autocommit=True) as superuser:
        superuser.execute("VACUUM ANALYZE imports")
    second, _ = church_with_people(database)
    uploaded(database, second, file())

    with system_scope(database) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        claimed = imports.claim(connection, uuid4())
        leased = connection.execute("SELECT import_id FROM imports WHERE lease_id IS NOT NULL").fetchall()

    assert claimed is not None
    assert leased == [(claimed.import_id,)]


@pytest.fixture
def enqueued_jobs(job_queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    jobs: list[str] = []

    def record(kind: JobKind, queue: str, *arguments: str) -> bool:
        jobs.append(kind.name)
        return True

    monkeypatch.setattr(job_queue, "enqueue", record)
    return jobs


@pytest.mark.usefixtures("runtime")
def test_the_clock_enqueues_an_import_that_stands_still_and_no_other(
    database: Database, enqueued_jobs: list[str]
) -> None:
    church_id, _ = church_with_people(database)
    uploaded(database, church_id, file())
    with system_scope(database) as connection:
        imports.claim(connection, uuid4())
    enqueue_due()
    assert enqueued_jobs == []

    end_leases(database)
    enqueue_due()
    assert enqueued_jobs == ["run_imports"]


@pytest.mark.usefixtures("runtime")
def test_a_person_who_is_erased_is_not_stored_again_by_a_file_that_waits(database: Database) -> None:
    church_id = create_church(database).church_id
    rows = [
        ("Name", "Phone", "Email"),
        ("Ruth", "(202) 555-0123", ""),
        ("Amos", "12 / 2025550123", "x"),
        ("Dan", "2025550124", ""),
    ]
    first = uploaded(database, church_id, csv_file([*rows, ("Boaz", "", "RUTH@example.org")]))
    with church_scope(database, church_id) as connection:
        people.erase_contacts(connection, church_id=church_id, addresses=["+12025550123", "ruth@example.org"])

    run_imports()

    found = found_import(database, church_id, first)
    assert (found.created, found.erased, found.refused) == (1, 3, 0)
    [[ruth], *_] = [state(database, church_id)[0]]
    assert ruth[0] == "Dan"


@pytest.mark.usefixtures("runtime")
def test_an_erased_person_is_removed_from_what_imports_keep(database: Database) -> None:
    church_id = create_church(database).church_id
    with church_scope(database, church_id) as connection:
        contacts.add(connection, church_id=church_id, people=[Person(name="Ruth", phone="+12025550123")])
    rows = [("Name", "Phone", "Email"), ("Ruth", "2025550123", "ruth@example.org"), ("Amos", "1-202-555-0123 x9", "")]
    import_id = uploaded(database, church_id, csv_file(rows))
    run_imports()
    query = "SELECT before::text, value, contact_id FROM import_rows ORDER BY row_number"
    with church_scope(database, church_id) as connection:
        found = people.find(connection, church_id=church_id, addresses=["+12025550123"])
        assert [version.import_id for version in found.imported_versions] == [import_id]
        assert "5550123" in str(connection.execute(query).fetchall()) + "".join(
            str(value) for _, value, _ in connection.execute(query).fetchall()
        ).replace("-", "")
        people.erase_contacts(connection, church_id=church_id, addresses=["+12025550123", "ruth@example.org"])
        assert connection.execute(query).fetchall() == [(None, None, None), (None, None, None)]
    undo(database, church_id, import_id)
    run_imports()

    assert state(database, church_id)[0] == []


@pytest.mark.usefixtures("runtime")
def test_files_that_nobody_starts_and_rows_of_old_imports_are_deleted(database: Database) -> None:
    church_id = create_church(database).church_id
    pending = upload(database, church_id=church_id, file=UploadedFile(name="a.csv", data=file()), actor=ACTOR)
    recent = upload(database, church_id=church_id, file=UploadedFile(name="b.csv", data=file()), actor=ACTOR)
    ended = uploaded(database, church_id, file())
    run_imports()
    with system_scope(database) as connection:
        connection.execute(
            "UPDATE imports SET created_at = now() - interval '8 days', finished_at = finished_at - interval '29 days' "
            "WHERE import_id <> %s",
            (recent.import_id,),
        )
    prune()
    with church_scope(database, church_id) as connection:
        kept = connection.execute("SELECT import_id FROM imports ORDER BY import_id").fetchall()
        assert kept == [(recent.import_id,), (ended,)]
        assert connection.execute("SELECT count(*) FROM import_rows").fetchone() != (0,)
        connection.execute("UPDATE imports SET finished_at = finished_at - interval '2 days'")

    prune()

    assert found_import(database, church_id, ended).expired_at is not None
    assert found_import(database, church_id, ended).file_name == ""
    assert pending.import_id not in kept
    with church_scope(database, church_id) as connection:
        assert connection.execute("SELECT count(*) FROM import_rows").fetchone() == (0,)
        assert not imports.begin_undoing(connection, church_id=church_id, import_id=ended)
