"""The regions of phone numbers, and the kinds that are never texted."""

from __future__ import annotations

import pytest

from messaging.addresses import InvalidPhone, locate_phone, parse_phone
from messaging.number_regions import NEVER_TEXTED, number_region


@pytest.mark.parametrize(
    ("phone", "kind"),
    [
        ("+19005550123", "a premium-rate number"),
        ("(900) 555-0123", "a premium-rate number"),
        ("+12029761234", "a premium-rate number"),
        ("+979123456789", "a satellite or international number"),
        ("+881612345678", "a satellite or international number"),
        ("+8821612345678", "a satellite or international number"),
        ("+883510012345", "a satellite or international number"),
        ("+870773111632", "a satellite or international number"),
        ("+80812345678", "a satellite or international number"),
        ("+447012345678", "a personal number"),
        ("+448712345678", "a premium-rate number"),
    ],
)
def test_numbers_of_kinds_that_are_never_texted_are_refused(phone: str, kind: str) -> None:
    with pytest.raises(InvalidPhone, match=f"^is {kind}, which is never texted$"):
        parse_phone(phone)


@pytest.mark.parametrize("short_code", ["611", "24273", "+124273"])
def test_short_codes_are_refused(short_code: str) -> None:
    with pytest.raises(InvalidPhone):
        parse_phone(short_code)


@pytest.mark.parametrize(
    ("phone", "region"),
    [
        ("+12025550123", "US"),
        ("+18005550123", "US"),
        ("+15005550006", "US"),
        ("+16045550123", "CA"),
        ("+17875550123", "PR"),
        ("+18765550123", "JM"),
        ("+18095551234", "DO"),
        ("+16842581234", "AS"),
        ("+4915112345678", "DE"),
    ],
)
def test_the_region_is_not_derived_from_the_country_code_alone(phone: str, region: str) -> None:
    assert locate_phone(parse_phone(phone)).region == region
    assert number_region(phone) == region


@pytest.mark.parametrize("stored", ["+19005550123", "+12029761234", "+881612345678", "+17005550123", "somewhere"])
def test_stored_numbers_that_are_never_texted_have_their_own_region(stored: str) -> None:
    assert number_region(stored) == NEVER_TEXTED
