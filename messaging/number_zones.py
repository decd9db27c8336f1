"""Where a phone number says that its owner may be."""

from __future__ import annotations

import phonenumbers
from phonenumbers import timezone

from messaging.wall_time import zone_names

_UNKNOWN = "Etc/Unknown"


def number_zones(phone: str) -> str:
    """The zones of the number (E.164), with a space between; "" when it does not say.

    A number of a region names one or a few; one of a whole country (toll-free, mobile in most of Europe) all of the
    country's. Where its owner has moved, the number does not know.
    """
    return zones_of(phonenumbers.parse(phone))


def zones_of(number: phonenumbers.PhoneNumber) -> str:
    """The same of a number that was parsed before."""
    zones = timezone.time_zones_for_number(number)
    return " ".join(sorted(zone for zone in zones if zone != _UNKNOWN and zone in zone_names()))
