"""What a number says about where its owner may be."""

from __future__ import annotations

import pytest

from messaging.number_zones import number_zones
from messaging.wall_time import zone_names


@pytest.mark.parametrize(
    ("phone", "zones"),
    [
        ("+12025550123", {"America/New_York"}),
        ("+18085550123", {"Pacific/Honolulu"}),
        ("+4915112345678", {"Europe/Berlin"}),
        ("+442079460958", {"Europe/London"}),
    ],
)
def test_a_number_of_a_region_names_its_zone(phone: str, zones: set[str]) -> None:
    assert set(number_zones(phone).split()) == zones


def test_a_toll_free_number_names_all_zones_of_its_countries() -> None:
    zones = number_zones("+18005550123").split()

    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"} <= set(zones)
    assert set(zones) <= zone_names()


def test_a_number_that_says_nothing_names_none() -> None:
    assert number_zones("+870773111632") == ""
