"""The comparison of mails: by Message-ID, of which a few copies are allowed and two different ones never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.chaos.comparison import compare
from tools.chaos.evidence import Evidence
from tools.chaos.findings import UNFORGIVABLE, Wrong
from tools.chaos.mail_comparison import count_repeated
from tools.chaos.mailbox import MailRow
from tools.chaos.people import NO_SUCH_MAILBOX
from tools.chaos.posts import Post
from tools.chaos.staff import Accepted
from tools.chaos.tables import DeliveryRow, MessageRow

ANN, BOB = "ann@example.org", "bob@example.org"


def mail(delivery_id: str, recipient: str = ANN) -> MailRow:
    return MailRow(
        message_id=f"{delivery_id}@chaos", recipient=recipient, to=recipient, subject="News 1", body="text of m1"
    )


def delivery(delivery_id: str, address: str = ANN, *, status: str = "sent", attempts: int = 1) -> DeliveryRow:
    return DeliveryRow(
        delivery_id=delivery_id,
        message_id="m1",
        channel="mail",
        address=address,
        status=status,
        attempts=attempts,
        carrier_id=f"{delivery_id}@chaos" if status == "sent" else None,
        error_code=None,
        reason=None,
    )


def accepted(*addresses: str) -> Accepted:
    post = Post(
        number=1, at_seconds=0.0, church=0, channel="mail", body="text of m1", addresses=addresses, to_all=False
    )
    return Accepted(message_id="m1", post=post)


GOOD = Evidence(
    accepted=[accepted(ANN, BOB)],
    schedules=[],
    runs=[],
    messages=[
        MessageRow(
            message_id="m1",
            channel="mail",
            body="text of m1",
            subject="News 1",
            pictures=0,
            is_expanded=True,
            is_completed=True,
            due_at=0.0,
            schedule_id=None,
        )
    ],
    deliveries=[delivery("d1"), delivery("d2", BOB)],
    ledger=[],
    mails=[mail("d1"), mail("d2", BOB)],
    api_counts={"m1": {"audience": 2, "sent": 2}},
)
FIRST, SECOND = GOOD.mails


def with_first(row: DeliveryRow) -> dict[str, object]:
    """The good deliveries with another first one, and counts to match."""
    counts = {"audience": 2, "sent": 1} | ({"sent": 2} if row.status == "sent" else {row.status: 1})
    return {"deliveries": [row, GOOD.deliveries[1]], "api_counts": {"m1": counts}}


def test_nothing_is_found_where_both_agree() -> None:
    assert compare(GOOD) == []
    assert not count_repeated(GOOD)


@pytest.mark.parametrize("copies", [2, 3])
def test_a_mail_may_come_a_few_times_as_the_same_mail_and_is_counted(copies: int) -> None:
    again = replace(GOOD, mails=[*[FIRST] * copies, SECOND], **with_first(delivery("d1", attempts=copies)))

    assert compare(again) == []
    assert count_repeated(again) == {copies: 1}


CASES = {
    "recorded as sent, and not there": ({"mails": [SECOND]}, Wrong.LOST),
    "still queued": ({"mails": [SECOND], **with_first(delivery("d1", status="queued"))}, Wrong.LOST),
    "claimed for ever": ({"mails": [SECOND], **with_first(delivery("d1", status="sending"))}, Wrong.LOST),
    "one message as two mails to one person": (
        {
            "accepted": [accepted(ANN, ANN)],
            "deliveries": [delivery("d1"), delivery("d2")],
            "mails": [mail("d1"), mail("d2")],
        },
        Wrong.DOUBLED,
    ),
    "one delivery under two names": (
        {"mails": [FIRST, replace(FIRST, message_id="d1@elsewhere"), SECOND], **with_first(delivery("d1", attempts=2))},
        Wrong.DOUBLED,
    ),
    "four copies": ({"mails": [*[FIRST] * 4, SECOND], **with_first(delivery("d1", attempts=4))}, Wrong.TOO_OFTEN),
    "more copies than attempts": ({"mails": [FIRST, FIRST, SECOND]}, Wrong.MIXED_UP),
    "to another address": ({"mails": [mail("d1", "eve@example.org"), SECOND]}, Wrong.MIXED_UP),
    "naming another address": ({"mails": [replace(FIRST, to=BOB), SECOND]}, Wrong.MIXED_UP),
    "another subject": ({"mails": [replace(FIRST, subject="News 2"), SECOND]}, Wrong.MIXED_UP),
    "other words": ({"mails": [replace(FIRST, body="else"), SECOND]}, Wrong.MIXED_UP),
    "of no delivery": ({"mails": [FIRST, SECOND, mail("d9", "eve@example.org")]}, Wrong.MIXED_UP),
    "given up": ({"mails": [SECOND], **with_first(delivery("d1", status="failed"))}, Wrong.GIVEN_UP),
    "held, and not there": ({"mails": [SECOND], **with_first(delivery("d1", status="unknown"))}, Wrong.UNKNOWN),
    "held, and there": (with_first(delivery("d1", status="unknown")), Wrong.UNKNOWN),
    "queued, though it is there": (with_first(delivery("d1", status="queued")), Wrong.STATUS),
    "another mail's id": (
        {"deliveries": [replace(GOOD.deliveries[0], carrier_id="d2@chaos"), GOOD.deliveries[1]]},
        Wrong.STATUS,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_wrong_is_found(name: str) -> None:
    changes, wrong = CASES[name]
    found = [finding.wrong for finding in compare(replace(GOOD, **changes))]
    assert wrong in found
    assert found[0] is wrong, "the worst comes first"


def test_losing_doubling_and_too_many_copies_make_a_run_bad() -> None:
    assert {Wrong.LOST, Wrong.DOUBLED, Wrong.TOO_OFTEN} <= set(UNFORGIVABLE)


def test_a_mailbox_that_does_not_exist_needs_no_mail() -> None:
    evidence = replace(
        GOOD,
        accepted=[accepted(NO_SUCH_MAILBOX, BOB)],
        mails=[SECOND],
        **with_first(delivery("d1", NO_SUCH_MAILBOX, status="failed")),
    )
    assert compare(evidence) == []
