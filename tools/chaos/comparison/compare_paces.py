"""Checks that no sender was faster than its pace, from the times at which the carrier accepted its messages. Pure.

Tokens are spent at the claim, but the carrier's ledger has the time of the arrival. A claimed delivery arrives within
its lease or not at all: a process that stalls does not submit it later, and the carrier has its timeout, 2 seconds of
the lease, to read the request. So what arrives between two moments was claimed between one lease before the first and
the second. The tokens of that time bound it, whatever was stalled or killed:

    pace x (seconds + lease) + 1 + pace / 2 + the segments of the longest text - 1

1 + pace / 2 is what the bucket holds, and one text may overdraw it. The bound is checked for every pair of moments. A
burst is found if it exceeds what the pace allows in a lease; a pace kept up for a minute is known to within a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.paced_arrivals import Arrival, paced_arrivals
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.environment import LEASE_SECONDS


@dataclass(frozen=True, kw_only=True)
class _Excess:
    """The time in which the most segments arrived beyond what the pace alone allows in it."""

    begin: float
    end: float
    segments: int
    beyond: float
    """`segments` without pace x (end - begin)."""


def compare_paces(snapshot: Snapshot) -> Iterator[Finding]:
    """One finding for each sender that was faster than its pace, with the time in which it was."""
    for (church_id, channel, pace), arrivals in paced_arrivals(snapshot).items():
        longest = max(arrival.segments for arrival in arrivals)
        allowed = pace * LEASE_SECONDS + 1 + pace / 2 + longest - 1
        excess = _largest_excess(arrivals, pace)
        if excess.beyond > allowed:
            seconds = excess.end - excess.begin
            text = (
                f"church {church_id} on {channel}: {excess.segments} segments in {seconds:.1f} s from "
                f"{excess.begin:.2f}; at {pace:g} a second {pace * seconds + allowed:.1f} are allowed"
            )
            yield Finding(kind=FindingKind.TOO_FAST, text=text)


def _largest_excess(arrivals: Sequence[Arrival], pace: float) -> _Excess:
    """Of all pairs of arrivals, in order of time, the one between which the excess is largest."""
    largest = _Excess(begin=0.0, end=0.0, segments=0, beyond=0.0)
    begin, segments, beyond, before = arrivals[0].at, 0, 0.0, arrivals[0].at
    for arrival in arrivals:
        beyond -= pace * (arrival.at - before)
        if beyond <= 0.0:  # a later beginning has a larger excess
            begin, segments, beyond = arrival.at, 0, 0.0
        segments += arrival.segments
        beyond += arrival.segments
        before = arrival.at
        if beyond > largest.beyond:
            largest = _Excess(begin=begin, end=arrival.at, segments=segments, beyond=beyond)
    return largest
