"""How the carrier misbehaves, by name of the episode. Between episodes it is only slow, so that submissions overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tools.sandbox.control import Faults

BASELINE = Faults(latency_ms=30.0, latency_jitter_ms=60.0)

CARRIER_EPISODES: Mapping[str, Faults] = {
    "timeouts": replace(BASELINE, timeout=0.2),
    "accepted, then cut off": replace(BASELINE, accept_then_drop=0.3),
    "accepted, cut off, no callback": replace(BASELINE, accept_then_drop=0.3, callback_lost=1.0),
    "accepted, cut off, list unreadable": replace(BASELINE, accept_then_drop=0.3, callback_lost=0.8, unreadable=1.0),
    "accepted, cut off, listed late": replace(BASELINE, accept_then_drop=0.3, callback_lost=0.8, unsent_unlisted=True),
    "connections refused": replace(BASELINE, refuse=0.4),
    "too many requests": replace(BASELINE, too_many_requests=0.4, retry_after_seconds=1),
    "500, nothing created": replace(BASELINE, server_error=0.3),
    "500 after creation": replace(BASELINE, server_error_after_creation=0.3),
    "callbacks lost": replace(BASELINE, callback_lost=0.5),
    "callbacks repeated": replace(BASELINE, callback_repeated=1.0),
    "callbacks late": replace(BASELINE, callback_late=0.5, callback_late_ms=3_000.0),
    "callbacks out of order": replace(BASELINE, callbacks_out_of_order=0.7),
    "everything at once": replace(
        BASELINE,
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

IN_DOUBT_EPISODES = ("accepted, cut off, no callback",)
"""The only episodes of a run without reconciliation: they leave deliveries in doubt that only a look-up can resolve."""
