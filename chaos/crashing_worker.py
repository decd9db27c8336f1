"""A worker that can be made to die at a named point: `python -m chaos.crashing_worker --traps FOLDER sms`.

It is the product's own worker; what the jobs call is wrapped from outside.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

from channels.sms.carrier import TwilioCarrier
from chaos.ablations import send_doubts_again
from chaos.parameters import Ablation
from chaos.points import Point
from chaos.traps import Traps, die
from jobs import worker
from jobs.doorbell import Doorbell
from messaging.outcomes import Envelope, Outcome, Verdict
from store import deliveries, messages


def set_traps(traps: Traps) -> None:
    """Wrap what the jobs call, so that a worker which passes a point with an armed trap dies there."""
    _watch_claims(traps)
    _watch_submissions(traps)
    _watch_expansions(traps)


def _watch_claims(traps: Traps) -> None:
    claim = deliveries.claim

    @wraps(claim)
    def claim_or_die(*arguments: Any, **options: Any) -> Any:
        traps.strike(Point.BEFORE_CLAIM)
        return claim(*arguments, **options)

    deliveries.claim = claim_or_die


def _watch_submissions(traps: Traps) -> None:
    """The carrier is asked once the claim is committed, and its outcomes are recorded slice by slice as it yields."""
    send = TwilioCarrier.send

    @wraps(send)
    def send_or_die(
        self: TwilioCarrier, batch: Sequence[Envelope], *, may_submit: Callable[[], bool]
    ) -> Iterator[Sequence[Outcome]]:
        if batch:
            traps.strike(Point.AFTER_CLAIM)
            traps.stall()
        slices = send(self, batch, may_submit=may_submit)
        if len(batch) > 1 and (trap := traps.take(Point.HALF_RECORDED)):
            slices = _die_halfway(slices, traps, trap)
        elif trap := traps.take(Point.AFTER_ACCEPTANCE):
            slices = _die_unrecorded(slices, traps, trap)
        yield from slices

    TwilioCarrier.send = send_or_die


def _die_unrecorded(slices: Iterator[Sequence[Outcome]], traps: Traps, trap: str) -> Iterator[Sequence[Outcome]]:
    """Die once the carrier has accepted and answered everything; hand on what it said if it accepted nothing."""
    answered = list(slices)
    if _any_accepted(answered):
        die()
    traps.give_back(trap)
    yield from answered


def _die_halfway(slices: Iterator[Sequence[Outcome]], traps: Traps, trap: str) -> Iterator[Sequence[Outcome]]:
    """Hand on one half of the outcomes, and die when the other half is asked for: the first is recorded by then."""
    answered = list(slices)
    if not _any_accepted(answered):
        traps.give_back(trap)
        yield from answered
        return
    # What was accepted comes last: the half that is lost then matters.
    outcomes = sorted((o for part in answered for o in part), key=lambda o: o.verdict is Verdict.ACCEPTED)
    yield outcomes[: len(outcomes) // 2]
    die()


def _any_accepted(slices: Sequence[Sequence[Outcome]]) -> bool:
    return any(outcome.verdict is Verdict.ACCEPTED for part in slices for outcome in part)


def _watch_expansions(traps: Traps) -> None:
    """The ring that follows an expansion comes when its transaction is committed."""
    expand, ring_turn = messages.expand, Doorbell.ring_turn
    written = 0

    @wraps(expand)
    def expand_and_note(*arguments: Any, **options: Any) -> int:
        nonlocal written
        written = expand(*arguments, **options)
        return written

    @wraps(ring_turn)
    def ring_or_die(self: Doorbell, *, channel: str, church_id: UUID) -> bool:
        nonlocal written
        if written:
            written = 0
            traps.strike(Point.BEFORE_RING)
        return ring_turn(self, channel=channel, church_id=church_id)

    messages.expand = expand_and_note
    Doorbell.ring_turn = ring_or_die


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m chaos.crashing_worker", description="Serve one queue until killed."
    )
    parser.add_argument("--traps", type=Path, required=True)
    parser.add_argument("--ablate", type=Ablation, action="append", default=[])
    parser.add_argument("queue")
    options = parser.parse_args()
    set_traps(Traps(folder=options.traps))
    if Ablation.RECONCILE in options.ablate:
        send_doubts_again()
    sys.argv[1:] = [options.queue]
    worker.main()


if __name__ == "__main__":
    main()
