"""What a church may ask to be sent. Every rule that needs no database stands here."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, WithJsonSchema, field_validator

from api.shapes import STORABLE, Given, Instant, wrong
from channels.registry import CHANNELS, NOT_YET
from messaging.addresses import InvalidPhone, parse_phone

MAX_RECIPIENTS = 10_000
"""Recipients that one request may list. "all" has no such limit."""
MAX_AHEAD = timedelta(days=366)

_Listed = TypeVar("_Listed", list[UUID] | None, list[str] | None)


def _known_channel(name: str) -> str:
    if name in NOT_YET:
        raise wrong("is not yet available; use sms")
    if name not in CHANNELS:
        raise wrong(f"must be one of {', '.join(sorted(CHANNELS))}")
    return name


def _phone(text: str) -> str:
    try:
        return parse_phone(text)
    except InvalidPhone as error:
        raise wrong(str(error)) from None


ChannelName = Annotated[
    str, AfterValidator(_known_channel), WithJsonSchema({"type": "string", "enum": sorted(CHANNELS)})
]
Phone = Annotated[str, AfterValidator(_phone)]


class Composition(Given):
    """One message and whom it is for."""

    church_id: UUID = Field(description="The church that sends. The key must be its own.")
    channel: ChannelName = Field(default="sms", description="How it is sent. Picture messages and mail come later.")
    content: Annotated[str, StringConstraints(min_length=1), STORABLE] = Field(
        description="The text, not blank, as the recipients will read it. At most 1,600 characters for sms."
    )
    target_type: Literal["all", "contacts", "numbers"] = Field(
        description="Everyone in the church, the contacts in `contactIds`, or the numbers in `phoneNumbers`."
    )
    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_RECIPIENTS)] | None = Field(
        default=None, validate_default=True, description='Contacts of this church. Only with "contacts".'
    )
    phone_numbers: Annotated[list[Phone], Field(min_length=1, max_length=MAX_RECIPIENTS)] | None = Field(
        default=None,
        validate_default=True,
        description='Phone numbers in any usual form; without a country code they are read as US. Only with "numbers".',
    )
    send_at: Instant | None = Field(
        default=None, description="When to send: RFC 3339 with an offset, up to a year ahead. Absent or past: now."
    )

    @field_validator("content")
    @classmethod
    def _content_suits_channel(cls, content: str, about: ValidationInfo) -> str:
        channel = CHANNELS.get(about.data.get("channel", ""))
        complaint = channel.check_content(content) if channel else None
        if complaint is not None:
            raise wrong(complaint)
        return content

    @field_validator("contact_ids")
    @classmethod
    def _contacts_fit_target(cls, listed: list[UUID] | None, about: ValidationInfo) -> list[UUID] | None:
        return _fits_target(listed, about.data, target_type="contacts")

    @field_validator("phone_numbers")
    @classmethod
    def _numbers_fit_target(cls, listed: list[str] | None, about: ValidationInfo) -> list[str] | None:
        return _fits_target(listed, about.data, target_type="numbers")

    @field_validator("send_at")
    @classmethod
    def _within_a_year(cls, send_at: datetime | None) -> datetime | None:
        """The time in UTC."""
        if send_at is None:
            return None
        if send_at - datetime.now(UTC) > MAX_AHEAD:
            raise wrong("must be at most a year ahead")
        return send_at.astimezone(UTC)

    @property
    def due_at(self) -> datetime | None:
        """When it is to be sent; None for now. A time in the past is now."""
        return self.send_at if self.send_at is not None and self.send_at > datetime.now(UTC) else None

    @property
    def target(self) -> dict[str, list[str]]:
        """Whom it is for, as the ledger keeps it."""
        if self.contact_ids is not None:
            return {"contactIds": [str(contact_id) for contact_id in self.contact_ids]}
        if self.phone_numbers is not None:
            return {"phoneNumbers": self.phone_numbers}
        return {}

    def digest(self) -> bytes:
        """The SHA-256 of what was asked, however it was written: spaces, order of fields and forms of numbers aside."""
        return hashlib.sha256(self.model_dump_json().encode()).digest()


def _fits_target(listed: _Listed, data: dict[str, Any], *, target_type: str) -> _Listed:
    wanted = data.get("target_type")
    if wanted == target_type and listed is None:
        raise wrong(f'is required when targetType is "{target_type}"')
    if wanted not in (target_type, None) and listed is not None:
        raise wrong(f'is only allowed when targetType is "{target_type}"')
    return listed
