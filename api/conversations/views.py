"""The parts that the responses of inbound messages and conversations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from store.received_messages import NamedContact, ReceivedMessage

CHANNEL = "sms"
"""The channel of replies."""
OPTED_OUT_AT = (
    "When the number was opted out of the church, or of the number from which it texts now; null if it was not. Then "
    "replies are refused."
)
Keyword = Literal["opt_out", "opt_in", "help"]


class ContactName(ResponseModel):
    """A contact with the number. A family may share one."""

    id: UUID
    name: str


class Media(ResponseModel):
    """A picture or another file that the person sent."""

    url: str = Field(description="Where the carrier has it. It may require the carrier's credentials.")
    content_type: str | None


class InboundMessage(ResponseModel):
    """A message that a person wrote to the church."""

    id: UUID
    channel: str
    phone: str | None = Field(description="Who wrote it, in E.164; null when it was redacted.")
    contacts: list[ContactName] = Field(description="The contacts with that number, at most 10.")
    to: str = Field(description="The church's number to which it was written.")
    content: str = Field(description="The text. Empty when it was redacted.")
    media: list[Media]
    keyword: Keyword | None = Field(
        description="What its words asked for, such as `opt_out`; null when it is a reply, for people to read."
    )
    received_at: Timestamp
    read_at: Timestamp | None = Field(description="When it was marked as read; null while it is unread.")
    redacted_at: Timestamp | None = Field(
        description="When its text and number were removed, because they are kept for a limited time."
    )


def contact_names(contacts: Sequence[NamedContact]) -> list[ContactName]:
    return [ContactName(id=contact.contact_id, name=contact.name) for contact in contacts]


def media(listed: Sequence[dict[str, object]]) -> list[Media]:
    return [
        Media(url=str(each.get("url", "")), content_type=str(each["contentType"]) if each.get("contentType") else None)
        for each in listed
    ]


def inbound_message(message: ReceivedMessage, contacts: Sequence[NamedContact]) -> InboundMessage:
    return InboundMessage.model_validate(
        {
            "id": message.inbound_message_id,
            "channel": message.channel,
            "phone": message.from_address or None,
            "contacts": contact_names(contacts),
            "to": message.to_address,
            "content": message.content,
            "media": media(message.media),
            "keyword": message.keyword,
            "received_at": message.received_at,
            "read_at": message.read_at,
            "redacted_at": message.redacted_at,
        }
    )
