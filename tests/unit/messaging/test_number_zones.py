"""The time zones of a phone number."""

from __future__ import annotations

import pytest

from messaging.addresses import locate_phone
from messaging.wall_time import zone_names


def zones_of(phone: str) -> set[str]:
    return set(locate_phone(phone).zones.split())


@pytest.mark.parametrize(
    ("phone", "zones"),
    [
        ("+12025550123", {"America/New_York"}),
        ("+18085550123", {"Pacific/Honolulu"}),
        ("+4915112345678", {"Europe/Berlin"}),
        ("+442079460958", {"Europe/London"}),
    ],
)
def test_a_number_with_an_area_code_has_the_zone_of_its_area(phone: str, zones: set[str]) -> None:
    assert zones_of(phone) == zones


def test_a_toll_free_number_has_all_zones_of_its_countries() -> None:
    zones = zones_of("+18005550123")

    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"} <= zones
    assert zones <= zone_names()


def test_a_satellite_number_has_no_zone() -> None:
    assert zones_of("+870773111632") == set()
