"""How the carrier misbehaves, by name. Outside an episode it is only slow, so that much is under way at any moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tools.sandbox.control import Faults

CALM = Faults(latency_ms=30.0, latency_jitter_ms=60.0)

EPISODES: Mapping[str, Faults] = {
    "silence": replace(CALM, timeout=0.2),
    "accepted, then cut off": replace(CALM, accept_then_drop=0.3),
    "accepted, cut off, never reported": replace(CALM, accept_then_drop=0.3, callback_lost=1.0),
    "accepted, cut off, unreadable": replace(CALM, accept_then_drop=0.3, callback_lost=0.8, unreadable=1.0),
    "accepted, cut off, listed late": replace(CALM, accept_then_drop=0.3, callback_lost=0.8, unsent_unlisted=True),
    "connections refused": replace(CALM, refuse=0.4),
    "too many requests": replace(CALM, too_many_requests=0.4, retry_after_seconds=1),
    "500, nothing created": replace(CALM, server_error=0.3),
    "500 after creation": replace(CALM, server_error_after_creation=0.3),
    "callbacks lost": replace(CALM, callback_lost=0.5),
    "callbacks repeated": replace(CALM, callback_repeated=1.0),
    "callbacks late": replace(CALM, callback_late=0.5, callback_late_ms=3_000.0),
    "callbacks out of order": replace(CALM, callbacks_out_of_order=0.7),
    "everything at once": replace(
        CALM,
        refuse=0.05,
        timeout=0.03,
        too_many_requests=0.1,
        server_error=0.05,
        accept_then_drop=0.1,
        server_error_after_creation=0.05,
        unreadable=0.3,
        callback_lost=0.2,
        callback_repeated=0.2,
        callback_late=0.2,
        callbacks_out_of_order=0.2,
    ),
}

DOUBTFUL = ("accepted, cut off, never reported",)
"""What an episode is when reconciliation is taken away: then every doubt is one that only the carrier's list ends."""
