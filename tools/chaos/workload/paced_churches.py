"""Creates the small churches with a pace: hundreds in a second, with the functions behind the operator's command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Connection

from api import keys
from messaging.quiet_hours import Window
from store import api_keys, churches, senders
from tools.chaos.workload.churches import Church
from tools.chaos.workload.planned_paced_churches import PlannedPacedChurch

_ALWAYS = Window(opens=0, closes=24 * 60)
"""The run may be at night."""


def create_paced_churches(superuser_url: str, planned: Sequence[PlannedPacedChurch]) -> list[Church]:
    """Create all in one transaction, each with one sender. `flask create-church` would take a process for each.

    Raises psycopg.Error.
    """
    with psycopg.connect(superuser_url) as connection:
        return [_create(connection, place, each) for place, each in enumerate(planned)]


def _create(connection: Connection[Any], place: int, planned: PlannedPacedChurch) -> Church:
    church_id = churches.create(connection, name=f"Paced church {place}", time_zone="America/New_York", window=_ALWAYS)
    channel, pace = planned.message.channel, planned.pace
    phone = f"+1206555{place:04d}"
    senders.save(
        connection,
        church_id=church_id,
        channel=channel,
        address=phone,
        messaging_service_sid=None,
        segments_per_second=pace,
    )
    key, key_hash = keys.new_key()
    api_keys.add(connection, church_id=church_id, label="fault run", secret_hash=key_hash, scopes=list(keys.SCOPES))
    return Church(church_id=str(church_id), key=key, paces={channel: pace}, phone=phone)
