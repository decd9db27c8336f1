"""Comparing mails: a few copies with one Message-ID are allowed, two Message-IDs for one recipient are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.chaos.comparison.compare_ledgers import compare_ledgers
from tools.chaos.comparison.compare_mails import count_repeated
from tools.chaos.comparison.findings import FAILING_KINDS, FindingKind
from tools.chaos.comparison.received_mails import ReceivedMail
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.api_clients import AcceptedMessage
from tools.chaos.workload.planned_messages import PlannedMessage
from tools.chaos.workload.recipients import NO_SUCH_MAILBOX

ANN, BOB = "ann@example.org", "bob@example.org"


def mail(delivery_id: str, recipient: str = ANN) -> ReceivedMail:
    return ReceivedMail(
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


def accepted(*addresses: str) -> AcceptedMessage:
    planned = PlannedMessage(number=1, at_seconds=0.0, church=0, channel="mail", body="text of m1", addresses=addresses)
    return AcceptedMessage(message_id="m1", planned=planned)


GOOD = Snapshot(
    churches=[],
    accepted=[accepted(ANN, BOB)],
    schedules=[],
    runs=[],
    messages=[
        MessageRow(
            message_id="m1",
            church_id="c1",
            channel="mail",
            body="text of m1",
            segments=1,
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
    """The deliveries of GOOD with another first one, and the counts of both."""
    counts = {"audience": 2, "sent": 1} | ({"sent": 2} if row.status == "sent" else {row.status: 1})
    return {"deliveries": [row, GOOD.deliveries[1]], "api_counts": {"m1": counts}}


def test_there_are_no_findings_when_both_ledgers_agree() -> None:
    assert compare_ledgers(GOOD) == []
    assert not count_repeated(GOOD)


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_with_one_message_id_are_allowed_and_counted(copies: int) -> None:
    again = replace(GOOD, mails=[*[FIRST] * copies, SECOND], **with_first(delivery("d1", attempts=copies)))

    assert compare_ledgers(again) == []
    assert count_repeated(again) == {copies: 1}


CASES = {
    "sent, not at the mail server": ({"mails": [SECOND]}, FindingKind.LOST),
    "still queued": ({"mails": [SECOND], **with_first(delivery("d1", status="queued"))}, FindingKind.LOST),
    "still claimed": ({"mails": [SECOND], **with_first(delivery("d1", status="sending"))}, FindingKind.LOST),
    "two deliveries, one recipient": (
        {
            "accepted": [accepted(ANN, ANN)],
            "deliveries": [delivery("d1"), delivery("d2")],
            "mails": [mail("d1"), mail("d2")],
        },
        FindingKind.DOUBLED,
    ),
    "one delivery, two Message-IDs": (
        {"mails": [FIRST, replace(FIRST, message_id="d1@elsewhere"), SECOND], **with_first(delivery("d1", attempts=2))},
        FindingKind.DOUBLED,
    ),
    "four copies": ({"mails": [*[FIRST] * 4, SECOND], **with_first(delivery("d1", attempts=4))}, FindingKind.REPEATED),
    "more copies than attempts": ({"mails": [FIRST, FIRST, SECOND]}, FindingKind.MISMATCHED),
    "to another address": ({"mails": [mail("d1", "eve@example.org"), SECOND]}, FindingKind.MISMATCHED),
    "another address in the header": ({"mails": [replace(FIRST, to=BOB), SECOND]}, FindingKind.MISMATCHED),
    "another subject": ({"mails": [replace(FIRST, subject="News 2"), SECOND]}, FindingKind.MISMATCHED),
    "another text": ({"mails": [replace(FIRST, body="else"), SECOND]}, FindingKind.MISMATCHED),
    "no delivery": ({"mails": [FIRST, SECOND, mail("d9", "eve@example.org")]}, FindingKind.MISMATCHED),
    "failed, never refused": (
        {"mails": [SECOND], **with_first(delivery("d1", status="failed"))},
        FindingKind.WRONGLY_FAILED,
    ),
    "in doubt, not at the mail server": (
        {"mails": [SECOND], **with_first(delivery("d1", status="unknown"))},
        FindingKind.UNKNOWN,
    ),
    "in doubt, at the mail server": (with_first(delivery("d1", status="unknown")), FindingKind.UNKNOWN),
    "queued, at the mail server": (with_first(delivery("d1", status="queued")), FindingKind.WRONG_STATUS),
    "Message-ID of another mail": (
        {"deliveries": [replace(GOOD.deliveries[0], carrier_id="d2@chaos"), GOOD.deliveries[1]]},
        FindingKind.WRONG_STATUS,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_difference_is_found(name: str) -> None:
    changes, kind = CASES[name]
    found = [finding.kind for finding in compare_ledgers(replace(GOOD, **changes))]
    assert kind in found
    assert found[0] is kind, "the worst comes first"


def test_lost_doubled_and_repeated_mails_fail_a_run() -> None:
    assert {FindingKind.LOST, FindingKind.DOUBLED, FindingKind.REPEATED} <= set(FAILING_KINDS)


def test_a_refused_mailbox_needs_no_mail_at_the_mail_server() -> None:
    snapshot = replace(
        GOOD,
        accepted=[accepted(NO_SUCH_MAILBOX, BOB)],
        mails=[SECOND],
        **with_first(delivery("d1", NO_SUCH_MAILBOX, status="failed")),
    )
    assert compare_ledgers(snapshot) == []
