"""The region of a phone number, and which kinds of numbers are never texted.

The region counts and not the country code: +1 is also the code of Caribbean islands to which a text costs many times as
much, which is a common fraud.
"""

from __future__ import annotations

from collections.abc import Mapping

import phonenumbers
from phonenumbers import PhoneNumberType as Kind

NEVER_TEXTED = ""
"""The region that is stored for numbers of kinds that are never texted."""
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""The ISO 3166 codes of all regions that have numbers."""

_NO_COUNTRY = "001"
"""The library's region for country codes that belong to no country."""
_NORTH_AMERICA = 1
_PREMIUM_EXCHANGE = "976"
"""Pay-per-call in every area code of North America; the library treats these as normal numbers."""
_KINDS: Mapping[int, str] = {
    Kind.PREMIUM_RATE: "a premium-rate number",
    Kind.SHARED_COST: "a shared-cost number",
    Kind.PERSONAL_NUMBER: "a personal number",
    Kind.PAGER: "a pager",
    Kind.UAN: "a company's access number",
    Kind.VOICEMAIL: "a voicemail access number",
}


def find_region(number: phonenumbers.PhoneNumber) -> str | None:
    """Returns the ISO 3166 code, "001" for numbers of no country; None if the number is not in use."""
    region: str | None = phonenumbers.region_code_for_number(number)
    if region is None or not phonenumbers.is_valid_number_for_region(number, region):
        return None
    return region


def reason_never_texted(number: phonenumbers.PhoneNumber, region: str) -> str | None:
    """Returns the kind of a number that is never texted, such as "a premium-rate number"; None for others.

    Toll-free numbers may be texted: some offices receive texts there, at the normal price. So may personal numbers of
    North America, which are billed like other numbers.
    """
    if region == _NO_COUNTRY:
        return "a satellite or international number"
    national = str(number.national_number)
    if number.country_code == _NORTH_AMERICA and national[3:6] == _PREMIUM_EXCHANGE:
        return _KINDS[Kind.PREMIUM_RATE]
    kind = phonenumbers.number_type(number)
    if kind == Kind.PERSONAL_NUMBER and number.country_code == _NORTH_AMERICA:
        return None
    return _KINDS.get(kind)


def number_region(phone: str) -> str:
    """Returns the region of a stored number (E.164): an ISO 3166 code, or NEVER_TEXTED."""
    try:
        return region_of(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return NEVER_TEXTED


def region_of(number: phonenumbers.PhoneNumber) -> str:
    """Returns the region of a parsed number: an ISO 3166 code, or NEVER_TEXTED."""
    region: str | None = phonenumbers.region_code_for_number(number)
    if region is None or reason_never_texted(number, region) is not None:
        return NEVER_TEXTED
    return region
