"""Of whom a change of consent is: one address, or all addresses of a contact."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import AfterValidator, Field, model_validator

from api import problems
from api.base_models import RequestModel, field_error
from api.problems import RequestRefused
from messaging.addresses import InvalidEmail, InvalidPhone, parse_email, parse_phone
from store import consent


def check_address(text: str) -> str:
    """Return the phone number or mail address as it is stored."""
    try:
        return parse_email(text) if "@" in text else parse_phone(text)
    except (InvalidEmail, InvalidPhone) as error:
        raise field_error(str(error)) from None


Address = Annotated[str, AfterValidator(check_address)]


class Addressee(RequestModel):
    """Exactly one of both is given."""

    address: Address | None = Field(default=None, description="A phone number in any usual form, or an e-mail address.")
    contact_id: UUID | None = Field(default=None, description="A contact: its phone number and its e-mail address.")

    @model_validator(mode="after")
    def _check_one(self) -> Addressee:
        if (self.address is None) == (self.contact_id is None):
            raise field_error("must have either address or contactId")
        return self


def addresses_of(connection: Connection[Any], church_id: UUID, addressee: Addressee) -> list[str]:
    """Return the addresses that are meant. Raises RequestRefused (404, 409)."""
    if addressee.address is not None:
        return [addressee.address]
    assert addressee.contact_id is not None  # noqa: S101 - checked by the model
    return addresses_of_contact(connection, church_id, addressee.contact_id)


def addresses_of_contact(connection: Connection[Any], church_id: UUID, contact_id: UUID) -> list[str]:
    """Return the addresses of the contact. Raises RequestRefused (404, 409)."""
    addresses = consent.addresses_of_contact(connection, church_id=church_id, contact_id=contact_id)
    if addresses is None:
        raise RequestRefused(problems.NOT_FOUND, "There is no such contact.")
    if not addresses:
        raise RequestRefused(problems.WRONG_STATE, "The contact has neither a phone number nor an e-mail address.")
    return addresses
