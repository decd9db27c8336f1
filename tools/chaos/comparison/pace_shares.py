"""How much of its pace each planned church with a pace reached while it had work. Pure; for information only."""

from __future__ import annotations

from tools.chaos.comparison.paced_arrivals import paced_arrivals
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.workload.planned_paced_churches import is_of_paced_church

_COUNTED_SHARE = 0.9
"""The last tenth of the arrivals is left out: deliveries in doubt come late, when the church has no other work."""


def pace_shares(snapshot: Snapshot) -> list[float]:
    """For each of these churches, the lowest first: 1.0 for one that was exactly at its pace.

    From when its message was due until nine tenths had arrived. Outages of the servers and of the carrier are included.
    """
    due_at = {message.message_id: message.due_at for message in snapshot.messages}
    planned = {each.message_id for each in snapshot.accepted if is_of_paced_church(each.planned)}
    shares: list[float] = []
    for (_, _, pace), all_arrivals in paced_arrivals(snapshot).items():
        arrivals = [arrival for arrival in all_arrivals if arrival.message_id in planned]  # without answers to people
        if not arrivals:
            continue
        counted = arrivals[: max(1, int(_COUNTED_SHARE * len(arrivals)))]
        seconds = counted[-1].at - due_at[counted[0].message_id]
        segments = sum(arrival.segments for arrival in counted[:-1])  # the last one's tokens were not needed before
        if segments and seconds > 0:
            shares.append(segments / seconds / pace)
    return sorted(shares)
