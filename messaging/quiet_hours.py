"""The hours in which people may be texted: a church's window, by the clocks where its people are.

In the United States 08:00 to 21:00 in the recipient's local time (47 CFR 64.1200(c)(1)). PostgreSQL evaluates the
window: the functions `window_opening` and `quiet_until` (store/migrations/0006_the_right_hour.sql), which the claim and
the expansion call.
"""

from __future__ import annotations

from dataclasses import dataclass

_MINUTES_OF_A_DAY = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The hours of a day in which texts may be sent, in minutes since midnight. `closes` is exclusive.

    A window does not extend over midnight.
    """

    opens: int = 8 * 60
    closes: int = 21 * 60

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= _MINUTES_OF_A_DAY:
            raise ValueError("a window opens before it closes, on the same day")


DEFAULT_WINDOW = Window()
