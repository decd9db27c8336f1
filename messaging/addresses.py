"""Phone numbers, stored as E.164, and e-mail addresses, stored in lower case."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from messaging.number_regions import NEVER_TEXTED, find_region, reason_never_texted, region_of
from messaging.number_zones import zones_of

DEFAULT_REGION = "US"
"""The region of a number written without a country code."""
MAX_PHONE_CHARACTERS = 50
"""The longest input for a number. The parser's cost grows with its square, and the parser would accept 250."""
MAX_EMAIL_CHARACTERS = 320
"""64 before the @ and 255 behind it (RFC 5321, section 4.5.3.1)."""


class AddressKind(StrEnum):
    """The kind of address that a channel sends to."""

    PHONE = "phone"
    EMAIL = "email"


class InvalidPhone(ValueError):
    """Not a phone number that can be sent to; the message says why, for people."""


class InvalidEmail(ValueError):
    """Not an e-mail address that can be sent to; the message says why, for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneLocation:
    """Where the owner of a number probably is."""

    region: str
    """ISO 3166."""
    zones: str
    """Separated by spaces, as in messaging/number_zones.py."""


def locate_phone(phone: str) -> PhoneLocation:
    """Returns the location of a number that `parse_phone` returned."""
    number = phonenumbers.parse(phone)
    return PhoneLocation(region=phonenumbers.region_code_for_number(number) or NEVER_TEXTED, zones=zones_of(number))


def locate_stored_phone(phone: str) -> PhoneLocation:
    """Returns the location of a stored number; kinds that are never texted have the region NEVER_TEXTED."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return PhoneLocation(region=NEVER_TEXTED, zones="")
    return PhoneLocation(region=region_of(number), zones=zones_of(number))


def parse_phone(text: str) -> str:
    """Returns the number as E.164, such as `+12025550123`. Raises InvalidPhone, also for kinds never texted."""
    text = text.strip()
    if len(text) > MAX_PHONE_CHARACTERS:
        raise InvalidPhone("is not a phone number")
    try:
        number = phonenumbers.parse(text, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone("is not a phone number") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidPhone("has too few or too many digits for a phone number")
    if number.extension:
        raise InvalidPhone("has an extension, which cannot receive texts")
    region = find_region(number)
    if region is None:
        raise InvalidPhone("is not a number in use in its country")
    if kind := reason_never_texted(number, region):
        raise InvalidPhone(f"is {kind}, which is never texted")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mask_email(address: str) -> str:
    """Returns what its owner recognizes: `r***@example.org`."""
    local_part, _, domain = address.rpartition("@")
    return f"{local_part[:1]}***@{domain}"


def parse_email(text: str) -> str:
    """Returns the address in lower case and ASCII, with the domain in its DNS form. Raises InvalidEmail.

    Does not query the DNS. Refuses non-ASCII local parts (RFC 6531), because few servers support them, and "=?", which
    begins an encoded word (RFC 2047) and would be decoded to something else.
    """
    text = text.strip()
    if len(text) > MAX_EMAIL_CHARACTERS or "=?" in text:
        raise InvalidEmail("is not an e-mail address that mail can be sent to")
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise InvalidEmail("is not an e-mail address that mail can be sent to") from error
    return f"{found.local_part}@{found.ascii_domain}".lower()
