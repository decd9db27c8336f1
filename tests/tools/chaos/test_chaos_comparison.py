"""The comparison finds each kind of wrong in made-up ledgers, and nothing in one that is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tools.chaos.comparison import compare
from tools.chaos.evidence import Evidence
from tools.chaos.findings import Wrong
from tools.chaos.people import REFUSED
from tools.chaos.posts import Post
from tools.chaos.staff import Accepted
from tools.chaos.tables import DeliveryRow, MessageRow
from tools.sandbox.control import LedgerRow

ANN, BOB = "+12025550001", "+12025550002"
REFUSED_ONE = min(address for address in REFUSED if address.startswith("+"))


def message(message_id: str = "m1", *, is_expanded: bool = True, is_completed: bool = True) -> MessageRow:
    return MessageRow(
        message_id=message_id,
        channel="sms",
        body=f"text of {message_id}",
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


def accepted(*addresses: str) -> Accepted:
    post = Post(number=1, at_seconds=0.0, church=0, channel="sms", body="text of m1", addresses=addresses, to_all=False)
    return Accepted(message_id="m1", post=post)


GOOD = Evidence(
    accepted=[accepted(ANN, BOB)],
    schedules=[],
    runs=[],
    messages=[message()],
    deliveries=[delivery("d1"), delivery("d2", BOB, carrier_id="S2")],
    ledger=[submission("d1"), submission("d2", BOB, sid="S2")],
    mails=[],
    api_counts={"m1": {"audience": 2, "delivered": 2, "failed": 0}},
)


def first(row: DeliveryRow) -> list[DeliveryRow]:
    """The good deliveries with another first one."""
    return [row, GOOD.deliveries[1]]


def counts(**statuses: int) -> Mapping[str, Mapping[str, int]]:
    return {"m1": {"audience": 2, "delivered": 1, **statuses}}


def wrongs(evidence: Evidence) -> list[Wrong]:
    return [finding.wrong for finding in compare(evidence)]


def test_nothing_is_found_where_both_ledgers_agree() -> None:
    assert compare(GOOD) == []


REST = GOOD.ledger[1:]

CASES: dict[str, tuple[dict[str, Any], Wrong]] = {
    "accepted, and not in the database": ({"messages": [], "api_counts": {}}, Wrong.LOST),
    "accepted, and never expanded": ({"messages": [message(is_expanded=False)]}, Wrong.LOST),
    "a recipient without a delivery": (
        {
            "deliveries": GOOD.deliveries[1:],
            "ledger": REST,
            "api_counts": {"m1": {"audience": 1, "delivered": 1}},
        },
        Wrong.LOST,
    ),
    "still queued": (
        {"deliveries": first(delivery("d1", status="queued")), "ledger": REST, "api_counts": counts(queued=1)},
        Wrong.LOST,
    ),
    "claimed for ever": (
        {"deliveries": first(delivery("d1", status="sending")), "ledger": REST, "api_counts": counts(sending=1)},
        Wrong.LOST,
    ),
    "said to be delivered": ({"ledger": REST}, Wrong.LOST),
    "one delivery, two attempts": (
        {"ledger": [*GOOD.ledger, submission("d1", sid="S3")]},
        Wrong.DOUBLED,
    ),
    "two deliveries, one recipient": (
        {
            "accepted": [accepted(ANN, ANN)],
            "deliveries": [delivery("d1"), delivery("d2", carrier_id="S2")],
            "ledger": [submission("d1"), submission("d2", sid="S2")],
        },
        Wrong.DOUBLED,
    ),
    "to another number": ({"ledger": [submission("d1", "+12025550009"), GOOD.ledger[1]]}, Wrong.MIXED_UP),
    "another text": ({"ledger": [replace(GOOD.ledger[0], body="else"), GOOD.ledger[1]]}, Wrong.MIXED_UP),
    "another number of pictures": ({"ledger": [replace(GOOD.ledger[0], num_media=1), GOOD.ledger[1]]}, Wrong.MIXED_UP),
    "with another channel's callback": (
        {"ledger": [replace(GOOD.ledger[0], status_callback="http://127.0.0.1:1/callbacks/mms/d1/1"), GOOD.ledger[1]]},
        Wrong.MIXED_UP,
    ),
    "kept otherwise than it was given": ({"messages": [replace(message(), pictures=1)]}, Wrong.MIXED_UP),
    "before its hour": ({"messages": [replace(message(), due_at=60.0)]}, Wrong.MIXED_UP),
    "of no delivery": ({"ledger": [*GOOD.ledger, submission("d9", "+12025550009", sid="S9")]}, Wrong.MIXED_UP),
    "an attempt never made": ({"ledger": [submission("d1", attempt=2), GOOD.ledger[1]]}, Wrong.MIXED_UP),
    "a recipient never asked for": ({"accepted": [accepted(BOB)]}, Wrong.MIXED_UP),
    "the API miscounts": ({"api_counts": {"m1": {"audience": 2, "delivered": 1, "failed": 1}}}, Wrong.COUNTS),
    "the API does not add up": ({"api_counts": {"m1": {"audience": 3, "delivered": 2}}}, Wrong.COUNTS),
    "the API does not know it": ({"api_counts": {}}, Wrong.COUNTS),
    "failed, and never tried to the end": (
        {"deliveries": first(delivery("d1", status="failed")), "ledger": REST, "api_counts": counts(failed=1)},
        Wrong.GIVEN_UP,
    ),
    "held, not at the carrier": (
        {"deliveries": first(delivery("d1", status="unknown")), "ledger": REST, "api_counts": counts(unknown=1)},
        Wrong.UNKNOWN,
    ),
    "held, at the carrier": (
        {"deliveries": first(delivery("d1", status="unknown")), "api_counts": counts(unknown=1)},
        Wrong.UNKNOWN,
    ),
    "behind the carrier": (
        {"deliveries": first(delivery("d1", status="sent")), "api_counts": counts(sent=1)},
        Wrong.STATUS,
    ),
    "queued, though sent": (
        {"deliveries": first(delivery("d1", status="queued")), "api_counts": counts(queued=1)},
        Wrong.STATUS,
    ),
    "suppressed, though sent": (
        {"deliveries": first(delivery("d1", status="suppressed")), "api_counts": counts(suppressed=1)},
        Wrong.STATUS,
    ),
    "another message's id": ({"deliveries": first(delivery("d1", carrier_id="S7"))}, Wrong.STATUS),
    "never marked as completed": ({"messages": [message(is_completed=False)]}, Wrong.UNCOMPLETED),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_wrong_is_found(name: str) -> None:
    changes, wrong = CASES[name]
    found = wrongs(replace(GOOD, **changes))
    assert wrong in found
    assert found[0] is wrong, "the worst comes first"


def test_suppressed_and_refused_recipients_need_no_text() -> None:
    evidence = Evidence(
        accepted=[accepted(ANN, REFUSED_ONE)],
        schedules=[],
        runs=[],
        messages=[message()],
        deliveries=[
            delivery("d1", status="suppressed", carrier_id=None),
            delivery("d2", REFUSED_ONE, status="failed", carrier_id=None),
        ],
        ledger=[],
        mails=[],
        api_counts={"m1": {"audience": 2, "suppressed": 1, "failed": 1}},
    )
    assert compare(evidence) == []


def test_a_message_under_way_at_the_carrier_is_sent() -> None:
    evidence = replace(
        GOOD,
        deliveries=first(delivery("d1", status="sent")),
        ledger=[submission("d1", status="sending"), GOOD.ledger[1]],
        api_counts=counts(sent=1),
    )
    assert compare(evidence) == []
