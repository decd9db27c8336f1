"""Comparing paces: a sender that is too fast is found, and none that kept its pace, whatever delays its texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from tools.chaos.comparison.compare_paces import compare_paces
from tools.chaos.comparison.findings import FindingKind
from tools.chaos.comparison.pace_shares import pace_shares
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import Parameters
from tools.chaos.system.environment import LEASE_SECONDS
from tools.chaos.system.product_tables import DeliveryRow, MessageRow
from tools.chaos.workload.api_clients import AcceptedMessage
from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_paced_churches import plan_paced_churches
from tools.sandbox.control import LedgerRow

DUE_AT = 1_000.0


def received(times: Sequence[float], *, pace: float = 1.0, segments: int = 1, paced_channel: str = "sms") -> Snapshot:
    """A church whose texts arrived at these times (seconds after its message was due)."""
    [planned] = plan_paced_churches(Parameters(paced_churches=1))
    ids = [f"d{number}" for number in range(len(times))]
    return Snapshot(
        churches=[Church(church_id="c1", key="", paces={paced_channel: pace})],
        accepted=[AcceptedMessage(message_id="m1", planned=planned.message)],
        schedules=[],
        runs=[],
        messages=[
            MessageRow(
                message_id="m1",
                church_id="c1",
                channel="sms",
                body="text",
                segments=segments,
                subject=None,
                pictures=0,
                is_expanded=True,
                is_completed=True,
                due_at=DUE_AT,
                schedule_id=None,
            )
        ],
        deliveries=[
            DeliveryRow(
                delivery_id=delivery_id,
                message_id="m1",
                channel="sms",
                address=None,
                status="delivered",
                attempts=1,
                carrier_id=None,
                error_code=None,
                reason=None,
            )
            for delivery_id in ids
        ],
        ledger=[
            LedgerRow(
                number=1,
                sid=delivery_id,
                to="",
                sender=None,
                body="text",
                num_media=0,
                status="delivered",
                error_code=None,
                created_at=DUE_AT + at,
                status_callback=f"http://127.0.0.1:1/callbacks/sms/{delivery_id}/1",
            )
            for delivery_id, at in zip(ids, times, strict=True)
        ],
        mails=[],
        api_counts={},
    )


def every(interval: float, count: int, *, begin: float = 0.0) -> list[float]:
    return [begin + number * interval for number in range(count)]


TOO_FAST = {
    "a burst": ([0.0] * 7, 1.0, 1),
    "a burst after a pause": ([*every(1.0, 30), *[60.0] * 7], 1.0, 1),
    "a burst before a pause": ([*[0.0] * 7, *every(1.0, 30, begin=60.0)], 1.0, 1),
    "a burst of long texts": ([0.0] * 4, 1.0, 2),
    "twice the pace": (every(0.5, 15), 1.0, 1),
    "a little more than the pace, for a minute": (every(0.9, 67), 1.0, 1),
    "long texts at the pace of short ones": (every(1.0, 15), 1.0, 2),
    "a slow sender": (every(1.0, 12), 0.5, 1),
}


@pytest.mark.parametrize("name", TOO_FAST)
def test_a_sender_that_is_too_fast_is_found(name: str) -> None:
    times, pace, segments = TOO_FAST[name]
    snapshot = received(times, pace=pace, segments=segments)
    assert [finding.kind for finding in compare_paces(snapshot)] == [FindingKind.TOO_FAST]


def test_the_finding_names_the_time_in_which_the_sender_was_too_fast() -> None:
    [finding] = compare_paces(received([*every(1.0, 30), *[60.0] * 7, 61.0]))
    assert finding.text == "church c1 on sms: 7 segments in 0.0 s from 1060.00; at 1 a second 6.5 are allowed"


def token_bucket(random: Random, *, pace: float, segments: int, count: int) -> Iterator[float]:
    """Times of claims as store/queries/claims.sql allows them, as early as possible, with pauses."""
    tokens, now = 1.0 + pace / 2, 0.0
    for _ in range(count):
        if random.random() < 0.1:
            pause = random.uniform(0.0, 30.0)
            now, tokens = now + pause, min(1.0 + pace / 2, tokens + pace * pause)
        if tokens < 1.0:
            now, tokens = now + (1.0 - tokens) / pace, 1.0
        tokens -= segments
        yield now


@pytest.mark.parametrize("pace", [0.5, 1.0, 30.0])
@pytest.mark.parametrize("segments", [1, 2, 5])
def test_a_sender_that_kept_its_pace_is_not_found_however_its_submissions_are_delayed(
    pace: float, segments: int
) -> None:
    random = Random(f"{pace} {segments}")  # noqa: S311
    for _ in range(50):
        claims = list(token_bucket(random, pace=pace, segments=segments, count=200))
        late_from = random.uniform(0.0, claims[-1])
        arrivals = [
            # A stalled process: what was claimed in the last lease arrives at once.
            late_from if late_from - LEASE_SECONDS <= at <= late_from else at + random.uniform(0.0, 0.2)
            for at in claims
        ]
        assert list(compare_paces(received(arrivals, pace=pace, segments=segments))) == []


def test_a_channel_without_a_pace_has_no_limit() -> None:
    assert list(compare_paces(received([0.0] * 100, paced_channel="mms"))) == []


def test_the_share_of_the_pace_counts_from_when_the_message_was_due() -> None:
    assert pace_shares(received(every(1.0, 100))) == [pytest.approx(1.0)]
    assert pace_shares(received(every(2.0, 100))) == [pytest.approx(0.5)]
    assert pace_shares(received(every(1.0, 100), segments=2, pace=2.0)) == [pytest.approx(1.0)]
    assert pace_shares(received(every(1.0, 101, begin=90.0)))[0] == pytest.approx(0.5, abs=0.01)


def test_a_few_late_deliveries_do_not_change_the_share() -> None:
    assert pace_shares(received([*every(1.0, 100), 500.0, 600.0])) == [pytest.approx(1.0)]
