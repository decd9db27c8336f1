"""The time zones in which the owner of a phone number may be."""

from __future__ import annotations

import phonenumbers
from phonenumbers import timezone

from messaging.wall_time import zone_names

_UNKNOWN = "Etc/Unknown"


def zones_of(number: phonenumbers.PhoneNumber) -> str:
    """Returns the time zones of the number, separated by spaces; "" if it has none.

    A number with an area code has one zone or a few; a number of a whole country (toll-free, or a mobile number in most
    of Europe) has all zones of the country. An owner who has moved to another zone is not detected.
    """
    zones = timezone.time_zones_for_number(number)
    return " ".join(sorted(zone for zone in zones if zone != _UNKNOWN and zone in zone_names()))
