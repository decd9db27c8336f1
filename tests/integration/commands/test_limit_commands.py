"""`flask set-limits` and `show-limits`."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from store import church_limits
from store.church_limits import ChurchLimits
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run


def new_church(run: Run, *options: str) -> UUID:
    result = run("create-church", "--name", "Grace", "--json", *options)
    return UUID(json.loads(result.stdout)["churchId"])


def limits(database: Database, church_id: UUID) -> ChurchLimits:
    with system_scope(database) as connection:
        found = church_limits.get(connection, church_id)
    assert found is not None
    return found


def test_limits_are_set_shown_and_restored_to_the_default(run: Run, database: Database) -> None:
    church_id = new_church(run)

    result = run("set-limits", "--church", str(church_id), "--daily-segments", "5000", "--regions", "us, ca,US")

    assert result.exit_code == 0, result.output
    assert "Daily segments: 5,000\n" in result.stdout
    assert "Regions:        US,CA\n" in result.stdout
    assert run("show-limits", "--church", str(church_id)).stdout == result.stdout
    assert (limits(database, church_id).daily_segment_limit, limits(database, church_id).regions) == (
        5000,
        ["US", "CA"],
    )

    result = run("set-limits", "--church", str(church_id), "--daily-segments", "default", "--regions", "default")

    assert "Daily segments: 150,000 (default)" in result.stdout
    assert "Regions:        US,AS,GU,MP,PR,VI (default)" in result.stdout
    assert (limits(database, church_id).daily_segment_limit, limits(database, church_id).regions) == (None, None)


def test_one_limit_is_set_without_the_other(run: Run, database: Database) -> None:
    church_id = new_church(run, "--regions", "US,MX")

    run("set-limits", "--church", str(church_id), "--daily-segments", "0")

    assert (limits(database, church_id).daily_segment_limit, limits(database, church_id).regions) == (0, ["US", "MX"])


def test_the_count_of_today_is_shown(run: Run, database: Database) -> None:
    church_id = new_church(run)
    today = limits(database, church_id).day
    days = (today, today + timedelta(days=1))  # the day may change before the command runs
    with system_scope(database) as connection:
        for day in days:
            connection.execute("INSERT INTO daily_segments VALUES (%s, %s, 1234)", (church_id, day))

    shown = run("show-limits", "--church", str(church_id)).stdout

    assert any(f"Counted today:  1,234 ({day.isoformat()} in America/New_York)" in shown for day in days)


@pytest.mark.parametrize(
    ("sender", "regions"), [("+12025550123", None), ("+17875550123", None), ("+16045550123", ["CA"])]
)
def test_a_church_with_a_foreign_number_texts_its_own_region(
    run: Run, database: Database, sender: str, regions: list[str] | None
) -> None:
    assert limits(database, new_church(run, "--sms-from", sender)).regions == regions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--daily-segments or --regions is missing"),
        (["--daily-segments", "-5"], "--daily-segments must be a whole number"),
        (["--daily-segments", "many"], "--daily-segments must be a whole number"),
        (["--regions", "UK"], "--regions contains unknown regions (UK): use ISO 3166 codes"),
        (["--regions", ""], "--regions"),
    ],
)
def test_invalid_input_is_reported_in_one_line(run: Run, database: Database, options: list[str], message: str) -> None:
    church_id = new_church(run)

    result = run("set-limits", "--church", str(church_id), *options)

    assert result.exit_code == 2
    assert message in result.output
    assert (limits(database, church_id).daily_segment_limit, limits(database, church_id).regions) == (None, None)


@pytest.mark.parametrize("command", [["show-limits"], ["set-limits", "--daily-segments", "5"]])
def test_an_unknown_church_is_reported(run: Run, database: Database, command: list[str]) -> None:
    result = run(*command, "--church", "01900000-0000-7000-8000-000000000000")

    assert result.exit_code == 2
    assert "There is no church" in result.output
