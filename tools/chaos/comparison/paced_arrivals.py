"""Groups what the carrier has received by the sender's church and channel. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.chaos.comparison.compare_texts import submission_of
from tools.chaos.comparison.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One text or picture message at the carrier. Each attempt of a delivery is one."""

    at: float
    """Seconds since the epoch."""
    segments: int
    message_id: str


def paced_arrivals(snapshot: Snapshot) -> Mapping[tuple[str, str, float], Sequence[Arrival]]:
    """By church id, channel and pace, for every sender with a pace: what arrived, in order. Mails are not included."""
    paces = {
        (church.church_id, channel): pace for church in snapshot.churches for channel, pace in church.paces.items()
    }
    deliveries = {delivery.delivery_id: delivery for delivery in snapshot.deliveries}
    messages = {message.message_id: message for message in snapshot.messages}
    arrivals: defaultdict[tuple[str, str, float], list[Arrival]] = defaultdict(list)
    for row in sorted(snapshot.ledger, key=lambda row: row.created_at):
        delivery = deliveries.get(submission_of(row)[1])
        message = None if delivery is None else messages.get(delivery.message_id)
        if delivery is None or message is None:
            continue  # compare_texts reports it
        sender = (message.church_id, message.channel)
        if sender in paces:
            arrival = Arrival(
                at=row.created_at, segments=delivery.segments or message.segments, message_id=message.message_id
            )
            arrivals[*sender, paces[sender]].append(arrival)
    return arrivals
