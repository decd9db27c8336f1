"""What a client wants sent: read from its form, or refused with Twilio's code."""

import re
from dataclasses import dataclass

from tools.sandbox.messages.bodies import LONGEST_BODY_CHARACTERS
from tools.sandbox.messages.errors import refuse
from tools.sandbox.messages.magic_numbers import REFUSED_RECIPIENTS, sender_error
from tools.sandbox.wire.form import Form, first
from tools.sandbox.wire.reply import Reply

MOST_MEDIA = 10
"""https://www.twilio.com/docs/messaging/api/message-resource"""

_RECIPIENT = re.compile(r"(?:[a-z]+:)?\+[1-9]\d{7,14}", re.ASCII)
"""E.164, with the channel in front where it is not SMS."""

_SENDER = re.compile(r"(?:[a-z]+:)?\+[1-9]\d{2,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}", re.ASCII)
"""A number, a short code, or an alphanumeric sender ID."""

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")

_URL = re.compile(r"https?://[A-Za-z0-9.\-]+(?::\d{1,5})?(?:[/?][\x21-\x22\x24-\x7e]*)?")
"""Printable ASCII without a fragment: it is signed and called exactly as it stands here."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The parameters of one create request, found sound."""

    to: str
    sender: str | None
    messaging_service_sid: str | None
    body: str
    media_urls: tuple[str, ...]
    status_callback: str | None


def read_draft(form: Form) -> Draft | Reply:
    """The draft in a form, or the error to answer with."""
    to, sender, service = first(form, "To"), first(form, "From"), first(form, "MessagingServiceSid")
    body, media, callback = first(form, "Body"), form.get("MediaUrl"), first(form, "StatusCallback")
    code = _addresses_error(to=to, sender=sender, service=service)
    if code is not None:
        return refuse(code, to, sender)
    if not body and not media:
        return refuse(21602)
    if len(body) > LONGEST_BODY_CHARACTERS:
        return refuse(21617)
    if callback and _URL.fullmatch(callback) is None:
        return refuse(21609, callback)
    if media:
        if len(media) > MOST_MEDIA:
            return refuse(21623)
        broken = next((url for url in media if _URL.fullmatch(url) is None), None)
        if broken is not None:
            return refuse(21620, broken)
    return Draft(
        to=to,
        sender=sender or None,
        messaging_service_sid=service or None,
        body=body,
        media_urls=tuple(media) if media else (),
        status_callback=callback or None,
    )


def _addresses_error(*, to: str, sender: str, service: str) -> int | None:
    """The code for what is wrong with who sends to whom; None if nothing is."""
    if not to:
        return 21604
    if _RECIPIENT.fullmatch(to) is None:
        return 21211
    if not sender and not service:
        return 21603
    if (sender and _SENDER.fullmatch(sender) is None) or (service and _SERVICE.fullmatch(service) is None):
        return 21606
    return sender_error(sender) or REFUSED_RECIPIENTS.get(to)
