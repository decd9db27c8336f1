"""Comparing ledgers: each kind of difference is found in constructed rows, and none where the rows agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tools.chaos.comparison.compare_ledgers import compare_ledgers
from tools.chaos.comparison.findings import FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.consent_tables import DecisionRow
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.api_clients import AcceptedMessage
from tools.chaos.workload.planned_messages import PlannedMessage
from tools.chaos.workload.recipients import MERGE_FIELDS, REFUSED
from tools.sandbox.control import LedgerRow

ANN, BOB = "+12025550001", "+12025550002"
REFUSED_NUMBER = min(address for address in REFUSED if address.startswith("+"))


def message(message_id: str = "m1", *, is_expanded: bool = True, is_completed: bool = True) -> MessageRow:
    return MessageRow(
        message_id=message_id,
        church_id="c1",
        channel="sms",
        body=f"text of {message_id}",
        segments=1,
        subject=None,
        pictures=0,
        is_expanded=is_expanded,
        is_completed=is_completed,
        due_at=0.0,
        schedule_id=None,
    )


def delivery(delivery_id: str, address: str = ANN, *, status: str = "delivered", carrier_id: str | None = "S1"):
    return DeliveryRow(
        delivery_id=delivery_id,
        message_id="m1",
        channel="sms",
        address=address,
        status=status,
        attempts=1,
        carrier_id=carrier_id,
        error_code=None,
        reason=None,
    )


def submission(delivery_id: str, to: str = ANN, *, sid: str = "S1", status: str = "delivered", attempt: int = 1):
    return LedgerRow(
        number=1,
        sid=sid,
        to=to,
        sender="+12025550100",
        body="text of m1",
        num_media=0,
        status=status,
        error_code=None,
        created_at=0.0,
        status_callback=f"http://127.0.0.1:1/callbacks/sms/{delivery_id}/{attempt}",
    )


def claim(delivery_id: str, *, status: str = "sending", at: float = 0.0) -> DecisionRow:
    return DecisionRow(
        delivery_id=delivery_id, attempt=1, status=status, began_at=at, decided_at=at + 0.1, is_new=False
    )


def accepted(*addresses: str) -> AcceptedMessage:
    planned = PlannedMessage(number=1, at_seconds=0.0, church=0, channel="sms", body="text of m1", addresses=addresses)
    return AcceptedMessage(message_id="m1", planned=planned)


GOOD = Snapshot(
    churches=[],
    accepted=[accepted(ANN, BOB)],
    schedules=[],
    runs=[],
    messages=[message()],
    deliveries=[delivery("d1"), delivery("d2", BOB, carrier_id="S2")],
    ledger=[submission("d1"), submission("d2", BOB, sid="S2")],
    mails=[],
    api_counts={"m1": {"audience": 2, "delivered": 2, "failed": 0}},
    decisions=[claim("d1"), claim("d2")],
)


def first(row: DeliveryRow) -> list[DeliveryRow]:
    """The deliveries of GOOD with another first one."""
    return [row, GOOD.deliveries[1]]


def counts(**statuses: int) -> Mapping[str, Mapping[str, int]]:
    return {"m1": {"audience": 2, "delivered": 1, **statuses}}


def finding_kinds(snapshot: Snapshot) -> list[FindingKind]:
    return [finding.kind for finding in compare_ledgers(snapshot)]


def test_there_are_no_findings_when_both_ledgers_agree() -> None:
    assert compare_ledgers(GOOD) == []


REST = GOOD.ledger[1:]

CASES: dict[str, tuple[dict[str, Any], FindingKind]] = {
    "accepted, not stored": ({"messages": [], "api_counts": {}}, FindingKind.LOST),
    "accepted, never expanded": ({"messages": [message(is_expanded=False)]}, FindingKind.LOST),
    "a recipient without a delivery": (
        {
            "deliveries": GOOD.deliveries[1:],
            "ledger": REST,
            "api_counts": {"m1": {"audience": 1, "delivered": 1}},
        },
        FindingKind.LOST,
    ),
    "still queued": (
        {"deliveries": first(delivery("d1", status="queued")), "ledger": REST, "api_counts": counts(queued=1)},
        FindingKind.LOST,
    ),
    "still claimed": (
        {"deliveries": first(delivery("d1", status="sending")), "ledger": REST, "api_counts": counts(sending=1)},
        FindingKind.LOST,
    ),
    "delivered, not at the carrier": ({"ledger": REST}, FindingKind.LOST),
    "one delivery, two attempts": (
        {"ledger": [*GOOD.ledger, submission("d1", sid="S3")]},
        FindingKind.DOUBLED,
    ),
    "two deliveries, one recipient": (
        {
            "accepted": [accepted(ANN, ANN)],
            "deliveries": [delivery("d1"), delivery("d2", carrier_id="S2")],
            "ledger": [submission("d1"), submission("d2", sid="S2")],
        },
        FindingKind.DOUBLED,
    ),
    "to another number": ({"ledger": [submission("d1", "+12025550009"), GOOD.ledger[1]]}, FindingKind.MISMATCHED),
    "another text": ({"ledger": [replace(GOOD.ledger[0], body="else"), GOOD.ledger[1]]}, FindingKind.MISMATCHED),
    "another number of pictures": (
        {"ledger": [replace(GOOD.ledger[0], num_media=1), GOOD.ledger[1]]},
        FindingKind.MISMATCHED,
    ),
    "with another channel's callback": (
        {"ledger": [replace(GOOD.ledger[0], status_callback="http://127.0.0.1:1/callbacks/mms/d1/1"), GOOD.ledger[1]]},
        FindingKind.MISMATCHED,
    ),
    "stored otherwise than requested": ({"messages": [replace(message(), pictures=1)]}, FindingKind.MISMATCHED),
    "sent before it was due": ({"messages": [replace(message(), due_at=60.0)]}, FindingKind.MISMATCHED),
    "no delivery": ({"ledger": [*GOOD.ledger, submission("d9", "+12025550009", sid="S9")]}, FindingKind.MISMATCHED),
    "an attempt that was not made": ({"ledger": [submission("d1", attempt=2), GOOD.ledger[1]]}, FindingKind.MISMATCHED),
    "a recipient that was not requested": ({"accepted": [accepted(BOB)]}, FindingKind.MISMATCHED),
    "the API miscounts": ({"api_counts": {"m1": {"audience": 2, "delivered": 1, "failed": 1}}}, FindingKind.MISCOUNTED),
    "the API does not add up": ({"api_counts": {"m1": {"audience": 3, "delivered": 2}}}, FindingKind.MISCOUNTED),
    "the API does not return it": ({"api_counts": {}}, FindingKind.MISCOUNTED),
    "failed, never refused": (
        {"deliveries": first(delivery("d1", status="failed")), "ledger": REST, "api_counts": counts(failed=1)},
        FindingKind.WRONGLY_FAILED,
    ),
    "in doubt, not at the carrier": (
        {"deliveries": first(delivery("d1", status="unknown")), "ledger": REST, "api_counts": counts(unknown=1)},
        FindingKind.UNKNOWN,
    ),
    "in doubt, at the carrier": (
        {"deliveries": first(delivery("d1", status="unknown")), "api_counts": counts(unknown=1)},
        FindingKind.UNKNOWN,
    ),
    "a receipt was not applied": (
        {"deliveries": first(delivery("d1", status="sent")), "api_counts": counts(sent=1)},
        FindingKind.WRONG_STATUS,
    ),
    "queued, at the carrier": (
        {"deliveries": first(delivery("d1", status="queued")), "api_counts": counts(queued=1)},
        FindingKind.WRONG_STATUS,
    ),
    "suppressed, opted in": (
        {
            "deliveries": first(delivery("d1", status="suppressed", carrier_id=None)),
            "decisions": [claim("d1", status="suppressed"), claim("d2")],
            "ledger": REST,
            "api_counts": counts(suppressed=1),
        },
        FindingKind.LOST,
    ),
    "at the carrier, never claimed": ({"decisions": [claim("d2")]}, FindingKind.MISMATCHED),
    "suppressed, but not by a claim": (
        {
            "deliveries": first(delivery("d1", status="suppressed", carrier_id=None)),
            "ledger": REST,
            "api_counts": counts(suppressed=1),
        },
        FindingKind.MISMATCHED,
    ),
    "carrier id of another message": ({"deliveries": first(delivery("d1", carrier_id="S7"))}, FindingKind.WRONG_STATUS),
    "not recorded as completed": ({"messages": [message(is_completed=False)]}, FindingKind.UNCOMPLETED),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_difference_is_found(name: str) -> None:
    changes, kind = CASES[name]
    found = finding_kinds(replace(GOOD, **changes))
    assert kind in found
    assert found[0] is kind, "the worst comes first"


def test_refused_recipients_need_no_message_at_the_carrier() -> None:
    snapshot = replace(
        GOOD,
        accepted=[accepted(ANN, REFUSED_NUMBER)],
        deliveries=[delivery("d1"), delivery("d2", REFUSED_NUMBER, status="failed", carrier_id=None)],
        ledger=[GOOD.ledger[0]],
        api_counts={"m1": {"audience": 2, "delivered": 1, "failed": 1}},
    )
    assert compare_ledgers(snapshot) == []


def test_each_person_gets_the_words_for_them() -> None:
    text = f"text of m1 {MERGE_FIELDS}"
    planned = replace(GOOD.accepted[0].planned, body=text)
    words = {ANN: "text of m1 for Given1, our singer1", BOB: "text of m1 for Given2, our singer2"}
    snapshot = replace(
        GOOD,
        accepted=[replace(GOOD.accepted[0], planned=planned)],
        messages=[replace(message(), body=text)],
        ledger=[replace(row, body=words[row.to]) for row in GOOD.ledger],
    )
    assert compare_ledgers(snapshot) == []
    exchanged = replace(snapshot, ledger=[replace(GOOD.ledger[0], body=words[BOB]), snapshot.ledger[1]])
    assert finding_kinds(exchanged) == [FindingKind.MISMATCHED]
    unmerged = replace(snapshot, ledger=[replace(GOOD.ledger[0], body=text), snapshot.ledger[1]])
    assert finding_kinds(unmerged) == [FindingKind.MISMATCHED]


def test_a_delivery_is_sent_while_its_message_has_no_final_status_at_the_carrier() -> None:
    snapshot = replace(
        GOOD,
        deliveries=first(delivery("d1", status="sent")),
        ledger=[submission("d1", status="sending"), GOOD.ledger[1]],
        api_counts=counts(sent=1),
    )
    assert compare_ledgers(snapshot) == []
