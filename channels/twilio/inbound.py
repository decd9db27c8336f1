"""Twilio's webhook for incoming messages: https://www.twilio.com/docs/messaging/guides/webhook-request

Twilio has one URL for the texts and picture messages to a number or a messaging service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from channels.incoming import (
    FORM,
    InboundMedia,
    InboundMessage,
    Inbox,
    IncomingRequest,
    MalformedRequest,
    Route,
    RouteKind,
    RouteResponse,
    parse_form,
)
from channels.twilio.webhook_signature import HEADER, verify
from messaging.consent_keywords import KeywordKind

XML = "text/xml"
NO_REPLY = RouteResponse(status=200, body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type=XML)
"""TwiML without a verb: Twilio sends no answer. The service sends its own through the API, and records them."""
MAX_MEDIA = 10
"""https://www.twilio.com/docs/messaging/api/media-resource"""
DEFAULT_KEYWORDS = frozenset(
    (
        *("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        *("START", "YES", "UNSTOP"),
        *("HELP", "INFO"),
    )
)
"""What Twilio answers by default if it is the whole message: https://help.twilio.com/articles/223134027"""
OPT_OUT_TYPES: Mapping[str, KeywordKind] = {
    "STOP": KeywordKind.OPT_OUT,
    "START": KeywordKind.OPT_IN,
    "HELP": KeywordKind.HELP,
}
"""With Advanced Opt-Out, Twilio says what it recognized and has answered:
https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out"""

_MAX_ADDRESS_CHARACTERS = 100
_MAX_ID_CHARACTERS = 64
_MAX_URL_CHARACTERS = 2_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class InboundForm(BaseModel):
    """The fields of an incoming message that are used. Twilio sends others too."""

    model_config = ConfigDict(extra="allow")

    message_sid: str = Field(alias="MessageSid", min_length=1, description="Twilio's id of the message.")
    sender: str = Field(alias="From", examples=["+12025550123"], description="Who wrote.")
    to: str = Field(alias="To", examples=["+12025550100"], description="The church's number.")
    body: str = Field(default="", alias="Body", description="The text.")
    num_media: str = Field(default="0", alias="NumMedia", description="How many of MediaUrl0 to MediaUrl9 there are.")
    messaging_service_sid: str | None = Field(
        default=None, alias="MessagingServiceSid", description="The messaging service of the number, if it has one."
    )
    opt_out_type: str | None = Field(
        default=None,
        alias="OptOutType",
        description="With Advanced Opt-Out: STOP, START or HELP, if it is one of them.",
    )


def inbound_route(channel: str) -> Route[Inbox]:
    """The route that is set at Twilio for numbers and messaging services (docs/consent.md)."""
    return Route(
        name=f"take_inbound_{channel}",
        kind=RouteKind.INBOUND_MESSAGE,
        method="POST",
        path=f"/inbound/{channel}",
        media_types=(FORM,),
        too_large="An incoming message may be up to 64 kB.",
        handle=_handle,
        success_status=NO_REPLY.status,
        success_media_type=XML,
        summary="Store a message that a person wrote (Twilio)",
        description=(
            "For Twilio only. This URL is set at Twilio for numbers and messaging services, for texts and picture "
            "messages. A message that is stored already changes nothing, and one to a number of no church is not "
            "stored. Keywords such as STOP, START and HELP take effect before the response, which is TwiML without a "
            "verb."
        ),
        form=InboundForm,
        signature_header=(HEADER, "Twilio's signature of the URL and the form."),
    )


def _handle(request: IncomingRequest, inbox: Inbox) -> RouteResponse:
    inbox.receive(read_inbound(request))
    return NO_REPLY


def read_inbound(request: IncomingRequest) -> InboundMessage:
    """The message in a webhook. Raises ForgedRequest, MalformedRequest."""
    form = parse_form(request.read(-1))
    verify(request, form)
    text = form.get("Body", "").replace("\0", "")
    media = _media(form)
    return InboundMessage(
        channel="mms" if media else "sms",
        sender=_field(form, "From", at_most=_MAX_ADDRESS_CHARACTERS),
        to=_field(form, "To", at_most=_MAX_ADDRESS_CHARACTERS),
        text=text,
        carrier_id=_field(form, "MessageSid", at_most=_MAX_ID_CHARACTERS),
        messaging_service_sid=_CONTROL.sub("", form.get("MessagingServiceSid", ""))[:_MAX_ID_CHARACTERS] or None,
        media=media,
        carrier_keyword=OPT_OUT_TYPES.get(form.get("OptOutType", "").strip().upper()),
        carrier_answers_by_default=text.strip().upper() in DEFAULT_KEYWORDS,
    )


def _field(form: Mapping[str, str], name: str, *, at_most: int) -> str:
    value = form.get(name, "")
    if not value:
        raise MalformedRequest(f"{name} is missing")
    if len(value) > at_most or not value.isprintable():
        raise MalformedRequest(f"{name} is too long or holds control characters")
    return value


def _media(form: Mapping[str, str]) -> tuple[InboundMedia, ...]:
    """The media that the form lists. What has no usable URL is left out: the text must be stored in any case."""
    count = form.get("NumMedia", "0")
    number = min(int(count), MAX_MEDIA) if count.isascii() and count.isdigit() and len(count) < MAX_MEDIA else 0
    found: list[InboundMedia] = []
    for place in range(number):
        url = form.get(f"MediaUrl{place}", "")
        if url and len(url) <= _MAX_URL_CHARACTERS and url.isprintable():
            content_type = _CONTROL.sub("", form.get(f"MediaContentType{place}", ""))[:_MAX_ADDRESS_CHARACTERS]
            found.append(InboundMedia(url=url, content_type=content_type))
    return tuple(found)
