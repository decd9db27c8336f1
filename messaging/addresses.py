"""Phone numbers: read in any usual form, kept as E.164."""

from __future__ import annotations

import phonenumbers

DEFAULT_REGION = "US"
"""The region of a number written without a country code."""


class InvalidPhone(ValueError):
    """Not a phone number that can be sent to; the message tells a person why."""


def parse_phone(text: str) -> str:
    """The number as E.164, such as `+12025550123`. Raises InvalidPhone."""
    try:
        number = phonenumbers.parse(text, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone("is not a phone number") from error
    if not phonenumbers.is_possible_number(number):
        raise InvalidPhone("has too few or too many digits for a phone number")
    if number.extension:
        raise InvalidPhone("has an extension, which cannot receive texts")
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhone("is not a number in use in its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
