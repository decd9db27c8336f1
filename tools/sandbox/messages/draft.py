"""Validates the parameters of a create request, with Twilio's error codes."""

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
"""E.164, with a channel prefix where it is not SMS."""

_SENDER = re.compile(r"(?:[a-z]+:)?\+[1-9]\d{2,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 &+_-]{1,11}", re.ASCII)
"""A number, a short code, or an alphanumeric sender ID."""

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")

_URL = re.compile(r"https?://[A-Za-z0-9.\-]+(?::\d{1,5})?(?:[/?][\x21-\x22\x24-\x7e]*)?")
"""Printable ASCII without a fragment: the URL is signed and requested exactly as given."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The valid parameters of one create request."""

    to: str
    sender: str | None
    messaging_service_sid: str | None
    body: str
    media_urls: tuple[str, ...]
    status_callback: str | None


def read_draft(form: Form) -> Draft | Reply:
    """Return the draft in a form, or the error reply."""
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
        invalid = next((url for url in media if _URL.fullmatch(url) is None), None)
        if invalid is not None:
            return refuse(21620, invalid)
    return Draft(
        to=to,
        sender=sender or None,
        messaging_service_sid=service or None,
        body=body,
        media_urls=tuple(media) if media else (),
        status_callback=callback or None,
    )


def _addresses_error(*, to: str, sender: str, service: str) -> int | None:
    """Return the error code for the sender and the recipient, or None if both are valid."""
    if not to:
        return 21604
    if _RECIPIENT.fullmatch(to) is None:
        return 21211
    if not sender and not service:
        return 21603
    if (sender and _SENDER.fullmatch(sender) is None) or (service and _SERVICE.fullmatch(service) is None):
        return 21606
    return sender_error(sender) or REFUSED_RECIPIENTS.get(to)
