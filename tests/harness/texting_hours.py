"""Texting hours for tests, which may run at night: always open, or closed at the moment a test runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from messaging.quiet_hours import Window

ANY_HOUR = Window(opens=0, closes=24 * 60)


@dataclass(frozen=True, kw_only=True)
class ClosedNow:
    """A window that is closed in UTC, and open two hours east or west of it."""

    window: Window
    open_zone: str
    opens_at: datetime
    """When it opens in UTC."""


def closed_now() -> ClosedNow:
    now = datetime.now(UTC)
    minute = now.hour * 60 + now.minute
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if minute < 720:
        window, zone = Window(opens=minute + 60, closes=minute + 240), "Etc/GMT-2"
    else:
        window, zone = Window(opens=minute - 240, closes=minute - 60), "Etc/GMT+2"
        midnight += timedelta(days=1)
    return ClosedNow(window=window, open_zone=zone, opens_at=midnight + timedelta(minutes=window.opens))
