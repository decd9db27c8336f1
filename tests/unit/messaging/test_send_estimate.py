"""When a message would be sent completely."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.quiet_hours import Window
from messaging.send_estimate import TextingHours, Wave, estimate_end
from messaging.wall_time import find_zone, to_wall

NEW_YORK = find_zone("America/New_York")
DAY = TextingHours(window=Window(opens=9 * 60, closes=20 * 60), zone=NEW_YORK)
ALWAYS = TextingHours(window=Window(opens=0, closes=24 * 60), zone=NEW_YORK)


def at(text: str) -> datetime:
    """An instant in January 2027, by the clock of New York."""
    return datetime.fromisoformat(f"2027-01-{text}").replace(tzinfo=NEW_YORK).astimezone(UTC)


def now(segments: int) -> Wave:
    return Wave(begins_at=None, segments=segments)


@pytest.mark.parametrize(
    ("waves", "before", "pace", "hours", "expected"),
    [
        ([now(60)], 0, 1, DAY, "10 12:01"),
        ([now(60)], 60, 1, DAY, "10 12:02"),
        ([now(60)], 60, None, DAY, "10 12:00"),
        ([], 0, 1, DAY, "10 12:00"),
        ([Wave(begins_at=at("10 15:00"), segments=60)], 0, 1, DAY, "10 15:01"),
        ([Wave(begins_at=at("10 15:00"), segments=60)], 0, None, DAY, "10 15:00"),
        # Those who may be texted at once first; the others then, or when their hours begin.
        ([Wave(begins_at=at("10 13:00"), segments=60), now(3600 * 2)], 0, 1, DAY, "10 14:01"),
        # The eight hours until 20:00 are not enough for ten: two are left for the morning.
        ([now(36_000)], 0, 1, DAY, "11 11:00"),
        ([now(36_000)], 0, 1, None, "10 22:00"),
        ([now(36_000)], 0, 1, ALWAYS, "10 22:00"),
        ([now(3600 * (8 + 11 * 2 + 1))], 0, 1, DAY, "13 10:00"),
        ([now(3600 * 100)], 0, 1, ALWAYS, "14 16:00"),
    ],
)
def test_the_end(waves: list[Wave], before: int, pace: float | None, hours: TextingHours | None, expected: str) -> None:
    ends_at = estimate_end(
        waves, begins_at=at("10 12:00"), segments_before=before, segments_per_second=pace, hours=hours
    )

    assert ends_at == at(expected)


@pytest.mark.parametrize("hours", [DAY, ALWAYS, None])
@pytest.mark.parametrize("segments", [10**9, 10**15])
def test_more_than_a_year_is_unknown(hours: TextingHours | None, segments: int) -> None:
    ends_at = estimate_end(
        [now(segments)], begins_at=at("10 12:00"), segments_before=0, segments_per_second=0.5, hours=hours
    )

    assert ends_at is None


def test_the_clock_decides_when_the_morning_begins() -> None:
    """On 14 March clocks go forward at two: nine o'clock is an hour earlier."""
    evening = datetime(2027, 3, 13, 19, 59, 30, tzinfo=NEW_YORK).astimezone(UTC)

    ends_at = estimate_end([now(60)], begins_at=evening, segments_before=0, segments_per_second=1, hours=DAY)

    assert ends_at == datetime(2027, 3, 14, 9, 0, 30, tzinfo=NEW_YORK).astimezone(UTC)


@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 72), st.integers(0, 100_000)).map(
            lambda each: Wave(
                begins_at=None if each[0] is None else at("10 12:00") + timedelta(hours=each[0]), segments=each[1]
            )
        ),
        max_size=5,
    ),
    st.integers(0, 100_000),
    st.none() | st.floats(0.5, 1000),
)
def test_it_is_never_before_the_last_may_be_texted_nor_at_night(
    waves: list[Wave], before: int, pace: float | None
) -> None:
    ends_at = estimate_end(waves, begins_at=at("10 12:00"), segments_before=before, segments_per_second=pace, hours=DAY)

    assert ends_at is not None
    assert ends_at >= max([wave.begins_at or at("10 12:00") for wave in waves], default=at("10 12:00"))
    if pace is not None and not any(wave.begins_at for wave in waves):
        wall = to_wall(ends_at, NEW_YORK)
        assert DAY.window.opens <= wall.hour * 60 + wall.minute <= DAY.window.closes
