"""Which notices an incident has, how often each is tried, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from jobs.monitoring import notice_text
from jobs.monitoring.alert_kinds import ALERT_KINDS, SENDER_REFUSED
from jobs.monitoring.incidents import Incident
from jobs.monitoring.notices import MOST_ATTEMPTS, Notice, Phase, from_json, to_json, with_due_notices

NOW = datetime(2027, 1, 3, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def planned(*notices: Notice, recovered_at: datetime | None = None) -> list[tuple[str, str]]:
    found = with_due_notices(notices, recovered_at=recovered_at, ways=("webhook", "mail"), now=NOW)
    return [(notice.phase.value, notice.way) for notice in found]


def opened(way: str) -> Notice:
    return Notice(phase=Phase.OPENED, way=way, next_attempt_at=NOW)


def incident(*, recovered_at: datetime | None = None, summary: str = "the carrier refuses +12025550123") -> Incident:
    return Incident(
        incident_id=uuid4(),
        kind=SENDER_REFUSED,
        subject="sms",
        opened_at=NOW,
        last_seen_at=NOW,
        recovered_at=recovered_at,
        summary=summary,
        facts={"reason": "call +12025550123 or ruth@example.org"},
        checks_to_recover=3,
    )


def test_an_open_incident_is_told_once_by_every_way() -> None:
    assert planned() == [("opened", "webhook"), ("opened", "mail")]
    assert planned(opened("webhook"), opened("mail")) == [("opened", "webhook"), ("opened", "mail")]


def test_a_recovery_is_told_by_the_ways_that_told_the_beginning() -> None:
    told = opened("webhook").begun(NOW).arrived(NOW)

    assert planned(told, opened("mail"), recovered_at=LATER) == [
        ("opened", "webhook"),
        ("opened", "mail"),
        ("recovered", "webhook"),
    ]


def test_a_beginning_that_was_told_only_after_the_end_needs_no_second_notice() -> None:
    told_late = opened("webhook").begun(LATER).arrived(LATER + timedelta(seconds=1))

    assert planned(told_late, recovered_at=LATER) == [("opened", "webhook")]


def test_what_was_never_told_because_it_was_silenced_has_no_recovery() -> None:
    assert planned(recovered_at=LATER) == []


def test_attempts_become_rarer_and_end() -> None:
    notice, now, waits = opened("webhook"), NOW, list[float]()
    while notice.is_due_sometime:
        notice = notice.begun(now).failed("HTTP 500", now)
        waits.append((notice.next_attempt_at - now).total_seconds())
        now = notice.next_attempt_at

    assert notice.attempts == MOST_ATTEMPTS
    assert waits == sorted(waits)
    assert waits[0] == 5.0
    assert now - NOW > timedelta(hours=2)


def test_an_attempt_whose_result_nobody_learned_is_repeated_only_after_it_must_have_ended() -> None:
    assert opened("webhook").begun(NOW).next_attempt_at - NOW >= timedelta(seconds=25)


def test_a_notice_survives_storing() -> None:
    notice = opened("webhook").begun(NOW).arrived(NOW)

    assert from_json(to_json(notice)) == notice


def test_a_notice_masks_addresses_and_names_the_runbook_and_the_first_command() -> None:
    text = notice_text.compose(incident(), Phase.OPENED, public_url="https://texts.example.org", now=NOW)

    whole = f"{text.body} {text.short} {text.fields}"
    assert "+12025550123" not in whole
    assert "ruth@" not in whole
    assert text.title == "texts.example.org: ALERT sender-refused (sms): the carrier refuses +*********23"
    assert "Runbook: docs/operations.md#sender-refused" in text.lines
    assert "First: flask failed" in text.lines


def test_a_text_has_one_segment_and_keeps_what_to_do() -> None:
    long = incident(summary="x" * 1000)

    short = notice_text.compose(long, Phase.OPENED, public_url="https://texts.example.org", now=NOW).short

    assert len(short) == 160
    assert short.endswith("flask failed; docs/operations.md#sender-refused")


def test_the_notice_of_an_end_says_how_long_it_lasted() -> None:
    ended = incident(recovered_at=LATER)

    recovered = notice_text.compose(ended, Phase.RECOVERED, public_url="https://t.example.org", now=LATER)
    late = notice_text.compose(ended, Phase.OPENED, public_url="https://t.example.org", now=LATER)

    assert "RECOVERED" in recovered.title
    assert "It lasted 5 min" in recovered.body
    assert "ALERT AND RECOVERED" in late.title
    assert "It could not be told earlier." in late.body


def test_every_kind_has_a_command_and_a_section() -> None:
    assert all(kind.first_command and kind.section.endswith(f"#{name}") for name, kind in ALERT_KINDS.items())
