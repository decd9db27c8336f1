"""When incidents open and end, and that one that flaps needs ever longer to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jobs.monitoring.alert_kinds import REDIS_DOWN, REDIS_EVICTIONS, SENDER_REFUSED, WORKER_MISSING
from jobs.monitoring.findings import Check, Finding, check
from jobs.monitoring.incidents import Incident, IncidentBook

START = datetime(2027, 1, 3, 9, 0, tzinfo=UTC)
BAD = check(REDIS_DOWN, Finding(summary="Redis does not answer"))
GOOD = check(REDIS_DOWN)


def run(book: IncidentBook, *checks: Check, start: datetime = START, every_seconds: float = 10.0) -> datetime:
    """Apply the checks one after the other. Returns the time of the last."""
    for number, each in enumerate(checks):
        start = start + timedelta(seconds=every_seconds) if number else start
        book.apply([each], start)
    return start


def states(book: IncidentBook) -> list[str]:
    return ["open" if incident.recovered_at is None else "over" for incident in book.incidents.values()]


def test_one_failed_check_opens_nothing_and_two_in_a_row_open_one_incident() -> None:
    book = IncidentBook()

    run(book, BAD, GOOD, BAD)
    assert states(book) == []
    assert book.has_suspicion

    run(book, BAD, BAD, BAD, start=START + timedelta(minutes=1))
    assert states(book) == ["open"]
    assert not book.has_suspicion


def test_an_incident_ends_only_after_some_checks_in_a_row_that_find_it_gone() -> None:
    book = IncidentBook()

    run(book, BAD, BAD, GOOD, GOOD, BAD, GOOD, GOOD)
    assert states(book) == ["open"]

    run(book, GOOD, start=START + timedelta(minutes=2))
    assert states(book) == ["over"]


def test_a_kind_that_could_not_be_checked_changes_nothing() -> None:
    book = IncidentBook()
    run(book, BAD, BAD)

    run(book, *[check(WORKER_MISSING)] * 20)

    assert states(book) == ["open"]


def test_a_list_that_is_not_complete_ends_nothing() -> None:
    one, other = Finding(subject="sms a", summary="one"), Finding(subject="several", summary="many")
    book = IncidentBook()
    run(book, *[check(SENDER_REFUSED, one)] * 2)

    run(book, *[Check(kind=SENDER_REFUSED, findings=(other,), is_complete=False)] * 10)

    assert [incident.subject for incident in book.open_incidents().values()] == ["sms a", "several"]


def test_each_subject_is_an_incident_of_its_own() -> None:
    sms, mail = (Finding(subject=name, summary=f"no worker serves {name}") for name in ("sms", "mail"))
    book = IncidentBook()

    run(book, *[check(WORKER_MISSING, sms, mail)] * 4, *[check(WORKER_MISSING, mail)] * 3)

    assert {incident.subject: incident.recovered_at is None for incident in book.incidents.values()} == {
        "sms": False,
        "mail": True,
    }


def test_a_service_that_flaps_for_an_hour_causes_few_incidents() -> None:
    """Down for 30 s, up for 60 s, and so on: 40 times an hour."""
    book = IncidentBook()
    now = START

    for _ in range(40):
        now = run(book, *[BAD] * 3, *[GOOD] * 6, start=now) + timedelta(seconds=10)

    assert len(book.incidents) <= 3


def test_a_kind_may_open_at_the_first_finding() -> None:
    book = IncidentBook()

    run(book, check(REDIS_EVICTIONS, Finding(summary="evicted")))

    assert states(book) == ["open"]


def test_what_goes_on_is_stored_now_and_then_with_the_latest_facts() -> None:
    book = IncidentBook()
    now = run(book, BAD, BAD)
    book.changed.clear()

    run(book, check(REDIS_DOWN, Finding(summary="worse")), start=now + timedelta(seconds=10))
    assert not book.changed

    run(book, check(REDIS_DOWN, Finding(summary="worse")), start=now + timedelta(seconds=40))
    assert [book.incidents[each].summary for each in book.changed] == ["worse"]


def test_what_is_stored_is_taken_over_unless_it_was_changed_here() -> None:
    book = IncidentBook()
    run(book, BAD, BAD)
    [mine] = book.incidents.values()
    theirs: Incident = replace(mine, summary="as stored")

    book.merge_stored([theirs])
    assert book.incidents[mine.incident_id].summary == mine.summary

    book.changed.clear()
    book.merge_stored([theirs])
    assert book.incidents[mine.incident_id].summary == "as stored"
