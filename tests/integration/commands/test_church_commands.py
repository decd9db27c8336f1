"""`flask create-church`, `create-key` and `resume-sender`, and what they store."""

from __future__ import annotations

import json
import re
from uuid import UUID

import pytest

from api import keys
from store import api_keys, churches, senders
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

KEY = re.compile(r"ksms_[A-Za-z0-9_-]{43}")
UNKNOWN_CHURCH = "01900000-0000-7000-8000-000000000000"


def holder(database: Database, key: str) -> api_keys.KeyHolder:
    found = api_keys.find_holder(database, keys.hash_key(key))
    assert found is not None
    return found


def count(database: Database) -> int:
    with system_scope(database) as connection:
        row = connection.execute("SELECT count(*) FROM churches").fetchone()
    assert row is not None
    return row[0]


def new_church(run: Run) -> UUID:
    result = run("create-church", "--name", "Grace", "--sms-from", "+12025550123", "--json")
    return UUID(json.loads(result.stdout)["churchId"])


def test_a_church_is_created_with_its_sender_and_a_key_that_works(run: Run, database: Database) -> None:
    result = run(
        *("create-church", "--name", "Grace", "--time-zone", "America/Chicago", "--sms-from", "+1 202 555 0123"),
        *("--segments-per-second", "3", "--json"),
    )
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert set(answer) == {"churchId", "apiKey"}
    church_id = UUID(answer["churchId"])
    found = holder(database, answer["apiKey"])
    assert (found.church_id, found.scopes) == (church_id, list(keys.SCOPES))
    with system_scope(database) as connection:
        church = churches.get(connection, church_id)
        sender = connection.execute(
            "SELECT channel, address, segments_per_second FROM senders WHERE church_id = %s", (church_id,)
        ).fetchall()
    assert church == churches.Church(church_id=church_id, name="Grace", time_zone="America/Chicago")
    assert sorted(sender) == [("mms", "+12025550123", 3.0), ("sms", "+12025550123", 3.0)]


def test_the_key_is_printed_as_text_by_default(run: Run, database: Database) -> None:
    result = run("create-church", "--name", "Hope", "--messaging-service", "MG" + "a" * 32)
    assert result.exit_code == 0
    [key] = KEY.findall(result.stdout)
    assert str(holder(database, key).church_id) in result.stdout
    assert "cannot be shown again" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--name", " "], "--name"),
        (["--name", "G", "--sms-from", "202 555 0123"], "--sms-from"),
        (["--name", "G", "--sms-from", "+1202555"], "--sms-from"),
        (["--name", "G", "--messaging-service", "MG123"], "--messaging-service"),
        (["--name", "G", "--time-zone", "Mars/Olympus"], "--time-zone"),
        (["--name", "G", "--sms-from", "+12025550123", "--segments-per-second", "0"], "--segments-per-second"),
        (["--name", "G", "--sms-from", "+12025550123", "--segments-per-second", "nan"], "--segments-per-second"),
        (["--name", "G", "--segments-per-second", "1"], "--segments-per-second"),
    ],
)
def test_invalid_input_is_reported_in_one_line_and_stores_nothing(
    run: Run, database: Database, arguments: list[str], complaint: str
) -> None:
    before = count(database)
    result = run("create-church", *arguments, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert complaint in line
    assert count(database) == before


def test_a_church_is_not_created_when_its_key_cannot_be_stored(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = count(database)
    monkeypatch.setattr("api.keys.new_key", lambda: ("ksms_short", b"not 32 bytes"))
    assert run("create-church", "--name", "Grace").exit_code != 0
    assert count(database) == before


def test_a_key_can_have_some_scopes_only(run: Run, database: Database) -> None:
    church_id = new_church(run)
    result = run("create-key", "--church", str(church_id), "--label", "reports", "--scope", "messages:read")
    assert result.exit_code == 0
    [key] = KEY.findall(result.stdout)
    found = holder(database, key)
    assert str(found.api_key_id) in result.stdout
    assert (found.church_id, found.scopes) == (church_id, ["messages:read"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["create-key", "--church", UNKNOWN_CHURCH, "--label", "x"],
        ["create-key", "--church", "7", "--label", "x"],
        ["create-key", "--church", UNKNOWN_CHURCH, "--label", "x", "--scope", "everything"],
        ["resume-sender", "--church", UNKNOWN_CHURCH, "--channel", "sms"],
    ],
)
def test_an_unknown_church_or_key_is_reported_in_one_line(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error:")]) == 1
    assert "Traceback" not in result.output


def test_a_paused_sender_is_resumed(run: Run, database: Database) -> None:
    church_id = new_church(run)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="wrong token")
    arguments = ("resume-sender", "--church", str(church_id), "--channel", "sms")
    result = run(*arguments).stdout
    assert "The church's sender for sms was paused (wrong token). It sends again now.\n" in result
    assert "is not paused: there is nothing to resume" in run(*arguments).stdout


def test_a_sender_is_resumed_while_redis_is_unreachable(run: Run, database: Database) -> None:
    church_id = new_church(run)
    with system_scope(database) as connection:
        senders.pause(connection, church_id=church_id, channel="sms", reason="wrong token")
        senders.report_refusal(connection, church_id, "sms", job_id="submit_batch-1")

    result = run("resume-sender", "--church", str(church_id), "--channel", "sms", redis_url="redis://127.0.0.1:1/0")

    assert (result.exit_code, "It sends again now" in result.stdout) == (0, True)
    assert "Traceback" not in result.output
    with system_scope(database) as connection:
        [job] = senders.failed_jobs_of_resumed(connection)
    assert job.job_id == "submit_batch-1", "to be withdrawn when Redis is back"


def texting_hours(database: Database) -> list[tuple[int, int]]:
    with system_scope(database) as connection:
        return connection.execute("SELECT window_opens, window_closes FROM churches").fetchall()


def test_texting_hours_have_a_default_until_they_are_set(run: Run, database: Database) -> None:
    church = new_church(run)
    assert texting_hours(database) == [(480, 1260)]

    assert run("set-texting-hours", "--church", str(church), "--hours", "00:00-24:00").exit_code == 0

    assert texting_hours(database) == [(0, 1440)]


@pytest.mark.parametrize("hours", ["21:00-08:00", "08:00", "08:00-08:00", "8-21", "00:00-24:01", "08:60-21:00"])
def test_invalid_texting_hours_are_refused(hours: str, run: Run, database: Database) -> None:
    church = new_church(run)

    result = run("set-texting-hours", "--church", str(church), "--hours", hours)

    assert result.exit_code == 2
    assert "08:00-21:00" in result.stderr
    assert texting_hours(database) == [(480, 1260)]
    assert run("set-texting-hours", "--church", UNKNOWN_CHURCH, "--hours", "08:00-21:00").exit_code == 2
