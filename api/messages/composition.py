"""The request body of a send, with every check that needs no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from api.address_fields import Email, Phone
from api.base_models import STORABLE, Moment, RequestModel, field_error
from api.messages import channel_fields
from api.messages.braces import brace_error, brace_errors
from channels.registry import CHANNELS
from messaging.addresses import AddressKind, locate_phone

MAX_RECIPIENTS = 10_000
"""The most recipients that a request may list. The target "all" has no limit."""
MAX_GROUPS_LISTED = 100
"""The most groups that a target may name, and exclude."""
MAX_AHEAD = timedelta(days=366)

TOO_FAR = "must be at most a year ahead"

_Listed = TypeVar("_Listed", list[UUID] | None, list[str] | None)

TargetType = Literal["all", "contacts", "groups", "numbers", "addresses"]


def _check_channel(name: str) -> str:
    if name not in CHANNELS:
        raise field_error(f"must be one of {', '.join(sorted(CHANNELS))}")
    return name


def _name_channels(schema: dict[str, Any]) -> None:
    schema["enum"] = sorted(CHANNELS)


ChannelName = Annotated[str, AfterValidator(_check_channel), Field(json_schema_extra=_name_channels)]
LISTED = {"numbers": AddressKind.PHONE, "addresses": AddressKind.EMAIL}
"""The target types for which the request lists addresses, with the kind of address."""


class Urgency(RequestModel):
    """Why a message is also sent in quiet hours."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), STORABLE] = Field(
        description=(
            "Why it is urgent, for example: the church is closed because of the storm. It is stored with the message."
        )
    )


class Draft(RequestModel):
    """The content and the target: the fields that messages and schedules share.

    The fields of single channels come in addition: see `details`.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=channel_fields.add_to_schema)
    digested_at_default: ClassVar[frozenset[str]] = frozenset({"channel", "content", "contact_ids", "phone_numbers"})

    church_id: UUID = Field(description="The church that sends. It must be the church of the key.")
    channel: ChannelName = Field(
        default="sms",
        description="How it is sent: as a text (`sms`), as a picture message (`mms`), or as an e-mail (`mail`).",
    )
    template_id: UUID | None = Field(
        default=None,
        description=(
            "The id of a template whose text is sent, instead of `content`. The text is copied, so later changes of "
            "the template do not change the message. `channel` and its fields may be left out if the template has them."
        ),
    )
    content: Annotated[str, STORABLE] = Field(
        default="",
        validate_default=True,
        description=(
            "The text of the message. Required, except for mms: a picture message needs no text. At most 1,600 "
            "characters for sms and mms, and 100,000 for mail. In an e-mail, blank lines separate paragraphs, and "
            "URLs that begin with https:// become links. A merge field such as `{{firstName|friend}}` becomes the "
            "value of each recipient, or the default after the bar. The fields are `name`, `firstName`, `lastName`, "
            "`phone`, `email`, and the church's own fields of contacts; recipients in `phoneNumbers` and "
            "`emailAddresses` get the defaults. `\\{{` is a literal `{{`."
        ),
    )
    target_type: TargetType = Field(
        description=(
            "Who gets it. `all`: every contact of the church. `contacts`: those in `contactIds`. `groups`: who is in "
            "at least one of `groupIds` at the time of sending. `numbers`: those in `phoneNumbers`, for sms and mms. "
            "`addresses`: those in `emailAddresses`, for mail."
        )
    )
    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_RECIPIENTS)] | None = Field(
        default=None,
        validate_default=True,
        description='The ids of contacts of this church. Only with targetType "contacts".',
    )
    phone_numbers: Annotated[list[Phone], Field(min_length=1, max_length=MAX_RECIPIENTS)] | None = Field(
        default=None,
        validate_default=True,
        description=(
            "Phone numbers in any usual form. A number without a country code is read as a US number. Only with "
            'targetType "numbers".'
        ),
    )
    email_addresses: Annotated[list[Email], Field(min_length=1, max_length=MAX_RECIPIENTS)] | None = Field(
        default=None, validate_default=True, description='E-mail addresses. Only with targetType "addresses".'
    )
    group_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_GROUPS_LISTED)] | None = Field(
        default=None,
        validate_default=True,
        description=(
            "The ids of groups of this church, also of smart ones. A person who is in several of them gets one "
            'message. Only with targetType "groups".'
        ),
    )
    exclude_group_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_GROUPS_LISTED)] | None = Field(
        default=None,
        validate_default=True,
        description=(
            "The ids of groups whose members get nothing, even if they are in another group. Only with targetType "
            '"groups" or "all".'
        ),
    )
    urgent: Urgency | None = Field(
        default=None,
        description=(
            "Set this to send the message in quiet hours too: outside the hours in which the church texts people."
        ),
    )
    shorten_links: bool | None = Field(
        default=None,
        description=(
            "Whether links in the text are replaced by short ones whose clicks are counted: "
            "`GET /api/messages/{id}/links`. Only for sms and mms. The default is the church's, which an operator sets."
        ),
    )

    @field_validator("content")
    @classmethod
    def _check_content(cls, content: str, info: ValidationInfo) -> str:
        if info.data.get("template_id") is not None:
            if content:
                raise field_error("is not allowed with templateId")
            return content
        channel = CHANNELS.get(info.data.get("channel", ""))
        message = channel.check_content(content) if channel else None
        if message := message or brace_error(content):
            raise field_error(message)
        return content

    @model_validator(mode="wrap")
    @classmethod
    def _check_details(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Report the errors of the common fields and of the channel's own fields together."""

        def detail_errors(body: dict[str, Any], details: dict[str, Any]) -> list[Any]:
            channel_name = body.get("channel", cls.model_fields["channel"].default)
            has_template = body.get("templateId") is not None  # which may have the fields that are missing
            check = channel_fields.errors_in_present_fields if has_template else channel_fields.channel_field_errors
            return [*check(channel_name, details), *brace_errors(channel_name, details)]

        return channel_fields.validate_with_details(cls, data, validate, detail_errors)

    @field_validator("shorten_links")
    @classmethod
    def _check_shorten_links(cls, shorten_links: bool | None, info: ValidationInfo) -> bool | None:
        channel = CHANNELS.get(info.data.get("channel", ""))
        if shorten_links and channel is not None and not channel.shortens_links:
            raise field_error(f"does not suit {channel.name}: its links are not shortened")
        return shorten_links

    @field_validator("target_type")
    @classmethod
    def _check_target_type(cls, target_type: str, info: ValidationInfo) -> str:
        channel = CHANNELS.get(info.data.get("channel", ""))
        kind = LISTED.get(target_type)
        if channel is not None and kind not in (channel.address_kind, None):
            listed = next(name for name, listed_kind in LISTED.items() if listed_kind is channel.address_kind)
            raise field_error(f'does not suit {channel.name}: use "all", "contacts", "groups" or "{listed}"')
        return target_type

    @field_validator("contact_ids")
    @classmethod
    def _check_contact_ids(cls, listed: list[UUID] | None, info: ValidationInfo) -> list[UUID] | None:
        return _check_list(listed, info.data, target_type="contacts")

    @field_validator("phone_numbers")
    @classmethod
    def _check_phone_numbers(cls, listed: list[str] | None, info: ValidationInfo) -> list[str] | None:
        return _check_list(listed, info.data, target_type="numbers")

    @field_validator("email_addresses")
    @classmethod
    def _check_email_addresses(cls, listed: list[str] | None, info: ValidationInfo) -> list[str] | None:
        return _check_list(listed, info.data, target_type="addresses")

    @field_validator("group_ids")
    @classmethod
    def _check_group_ids(cls, listed: list[UUID] | None, info: ValidationInfo) -> list[UUID] | None:
        return _check_list(listed, info.data, target_type="groups")

    @field_validator("exclude_group_ids")
    @classmethod
    def _check_exclude_group_ids(cls, listed: list[UUID] | None, info: ValidationInfo) -> list[UUID] | None:
        if listed is not None and info.data.get("target_type") not in ("groups", "all", None):
            raise field_error('is only allowed when targetType is "groups" or "all"')
        return listed

    @property
    def details(self) -> dict[str, Any]:
        """The channel's own fields, by their names in JSON."""
        return dict(self.model_extra or {})

    @property
    def target(self) -> dict[str, list[str]]:
        """The target as it is stored."""
        if self.contact_ids is not None:
            return {"contactIds": [str(contact_id) for contact_id in self.contact_ids]}
        if self.phone_numbers is not None:
            places = [locate_phone(phone) for phone in self.phone_numbers]
            return {
                "phoneNumbers": self.phone_numbers,
                "numberZones": [place.zones for place in places],
                "numberRegions": [place.region for place in places],
            }
        if self.email_addresses is not None:
            return {"emailAddresses": self.email_addresses}
        groups = {"groupIds": self.group_ids, "excludeGroupIds": self.exclude_group_ids}
        return {name: [str(group_id) for group_id in listed] for name, listed in groups.items() if listed is not None}

    @property
    def urgent_reason(self) -> str | None:
        return self.urgent.reason if self.urgent else None


class Composition(Draft):
    """A message to send: its content, its target, and its time."""

    digested_at_default: ClassVar[frozenset[str]] = Draft.digested_at_default | {"send_at"}

    send_at: Moment | None = Field(
        default=None,
        description=(
            "When to send it, at most a year ahead: a time in RFC 3339 format with an offset, or a local time "
            "without an offset, in the church's time zone. If it is absent or in the past, the message is sent now. "
            "Times before the year 2000 are refused."
        ),
    )

    @field_validator("send_at")
    @classmethod
    def _check_send_at(cls, send_at: datetime | None) -> datetime | None:
        """Return an instant in UTC, or the local time unchanged."""
        if send_at is None:
            return None
        # The church's zone is not known yet, but no zone differs from UTC by more than a day. send_times.py is exact.
        margin = timedelta(0) if send_at.tzinfo else timedelta(days=1)
        if send_at.replace(tzinfo=send_at.tzinfo or UTC) - datetime.now(UTC) > MAX_AHEAD + margin:
            raise field_error(TOO_FAR)
        return send_at.astimezone(UTC) if send_at.tzinfo else send_at


def _check_list(listed: _Listed, data: dict[str, Any], *, target_type: str) -> _Listed:
    actual = data.get("target_type")
    if actual == target_type and listed is None:
        raise field_error(f'is required when targetType is "{target_type}"')
    if actual not in (target_type, None) and listed is not None:
        raise field_error(f'is only allowed when targetType is "{target_type}"')
    return listed
