"""The request body that names one person: by phone numbers and e-mail addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from api.base_models import RequestModel, field_error
from logs import mask_addresses
from messaging.addresses import InvalidEmail, InvalidPhone, parse_email, parse_phone

MAX_ADDRESSES = 10


def _address(text: str) -> str:
    try:
        return parse_email(text) if "@" in text else parse_phone(text)
    except (InvalidEmail, InvalidPhone) as error:
        raise field_error(str(error)) from None


class PersonAddresses(RequestModel):
    """The phone numbers and e-mail addresses of one person. In the body, because URLs are logged on their way."""

    addresses: Annotated[
        list[Annotated[str, AfterValidator(_address)]], Field(min_length=1, max_length=MAX_ADDRESSES)
    ] = Field(description="The person's phone numbers, in any usual form, and e-mail addresses.")


def masked(addresses: Sequence[str]) -> str:
    """Return the addresses as the audit shows them."""
    return mask_addresses(", ".join(addresses))
