"""Comparing consent: texts after STOP are found, also lost keywords and forgotten people, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tools.chaos.comparison.compare_consent import compare_consent
from tools.chaos.comparison.findings import FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import Parameters
from tools.chaos.system.environment import LEASE_SECONDS
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.keyword_writers import WrittenKeyword
from tools.chaos.workload.planned_keywords import plan_keywords
from tools.chaos.workload.planned_messages import plan_messages
from tools.sandbox.control import LedgerRow

PHONE = "+12025550000"
LATE = LEASE_SECONDS + 1.0


def message(message_id: str, *, kind: str = "broadcast", due_at: float = 0.0) -> MessageRow:
    return MessageRow(
        message_id=message_id,
        church_id="c1",
        channel="sms",
        body=message_id,
        segments=1,
        subject=None,
        pictures=0,
        is_expanded=True,
        is_completed=True,
        due_at=due_at,
        schedule_id=None,
        kind=kind,
    )


def delivery(message_id: str, *, status: str = "delivered") -> DeliveryRow:
    return DeliveryRow(
        delivery_id=f"d-{message_id}",
        message_id=message_id,
        channel="sms",
        address=PHONE,
        status=status,
        attempts=1,
        carrier_id=None,
        error_code=None,
        reason="opted out" if status == "suppressed" else None,
    )


def arrived(message_id: str, at: float) -> LedgerRow:
    return LedgerRow(
        number=1,
        sid=f"SM-{message_id}",
        to=PHONE,
        sender=None,
        body=message_id,
        num_media=0,
        status="delivered",
        error_code=None,
        created_at=at,
        status_callback=f"http://127.0.0.1/callbacks/sms/d-{message_id}/1",
    )


def keyword(*, is_stop: bool, at: float, phone: str = PHONE) -> WrittenKeyword:
    return WrittenKeyword(church_id="c1", phone=phone, is_stop=is_stop, began_at=at - 1.0, answered_at=at)


STOP, START = keyword(is_stop=True, at=100.0), keyword(is_stop=False, at=200.0)


def snapshot(
    *,
    written: Sequence[WrittenKeyword] = (STOP,),
    opted_out: bool = True,
    messages: Sequence[MessageRow] = (message("m"),),
    deliveries: Sequence[DeliveryRow] = (),
    ledger: Sequence[LedgerRow] = (),
) -> Snapshot:
    return Snapshot(
        churches=[],
        accepted=[],
        schedules=[],
        runs=[],
        messages=messages,
        deliveries=deliveries,
        ledger=ledger,
        mails=[],
        api_counts={},
        written=written,
        opted_out=frozenset({("c1", PHONE)} if opted_out else ()),
    )


def kinds(found: Snapshot) -> list[FindingKind]:
    return [finding.kind for finding in compare_consent(found)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(99.0, [], id="before STOP"),
        pytest.param(100.0 + LEASE_SECONDS, [], id="claimed before STOP"),
        pytest.param(100.0 + LATE, [FindingKind.UNWANTED], id="claimed after STOP"),
    ],
)
def test_a_text_after_stop_is_found_unless_it_may_have_been_claimed_before(
    at: float, expected: list[FindingKind]
) -> None:
    assert kinds(snapshot(deliveries=[delivery("m")], ledger=[arrived("m", at)])) == expected


def test_a_text_after_start_is_wanted() -> None:
    found = snapshot(
        written=[STOP, START], opted_out=False, deliveries=[delivery("m")], ledger=[arrived("m", START.answered_at)]
    )

    assert kinds(found) == []


@pytest.mark.parametrize(("written", "opted_out"), [([STOP], False), ([STOP, START], True)])
def test_a_keyword_without_effect_is_found(written: Sequence[WrittenKeyword], opted_out: bool) -> None:
    assert kinds(snapshot(written=written, opted_out=opted_out)) == [FindingKind.LOST]


def test_one_confirmation_of_each_keyword_is_right_and_another_is_found() -> None:
    confirmations = [message(f"m{number}", kind="confirmation") for number in range(3)]
    sent = [arrived(each.message_id, STOP.answered_at + LATE) for each in confirmations]
    right = snapshot(
        messages=confirmations, deliveries=[delivery(each.message_id) for each in confirmations], ledger=sent[:1]
    )

    assert kinds(right) == []
    assert kinds(replace(right, ledger=sent[:2])) == [FindingKind.UNWANTED]
    assert kinds(replace(right, ledger=sent[:2], written=[STOP, START], opted_out=frozenset())) == []
    assert FindingKind.UNWANTED in kinds(replace(right, written=[], opted_out=frozenset()))


@pytest.mark.parametrize(
    ("written", "due_at", "expected"),
    [
        pytest.param([], 0.0, [FindingKind.LOST], id="never wrote STOP"),
        pytest.param([STOP], 0.0, [], id="wrote STOP"),
        pytest.param([STOP, START], START.answered_at - 1.0, [], id="due before START"),
        pytest.param([STOP, START], START.answered_at + 1.0, [FindingKind.LOST], id="due after START"),
    ],
)
def test_who_is_suppressed_and_wants_the_text_is_found(
    written: Sequence[WrittenKeyword], due_at: float, expected: list[FindingKind]
) -> None:
    found = snapshot(
        written=written,
        opted_out=written == [STOP],
        messages=[message("m", due_at=due_at)],
        deliveries=[delivery("m", status="suppressed")],
    )

    assert kinds(found) == expected


def test_the_plan_is_repeatable_and_of_people_who_get_texts() -> None:
    parameters = Parameters(keyword_writers=30)
    messages = plan_messages(parameters, deliveries=parameters.deliveries)

    planned = plan_keywords(parameters, messages)

    assert planned == plan_keywords(parameters, messages)
    assert len({(each.church, each.phone) for each in planned}) == 30
    recipients = {(each.church, address) for each in messages for address in each.addresses}
    assert all((each.church, each.phone) in recipients for each in planned)
    assert 0 < sum(each.start is not None for each in planned) < 30
