"""POST /callbacks/mail: a bounced mail, posted by the server that receives mail for MAIL_BOUNCE_DOMAIN."""

from __future__ import annotations

from channels.incoming import (
    NO_CONTENT,
    IncomingRequest,
    MalformedRequest,
    Route,
    RouteDisabled,
    RouteKind,
    RouteResponse,
    RouteStore,
)
from channels.mail.bounces import HEAD_BYTES, MAX_BYTES, find_attempt, read_bounce, takes_bounces
from channels.mail.mime_parts import UnreadableMail

MEDIA_TYPES = ("message/rfc822", "application/octet-stream")
"""The second is for generated clients, which have no other type for bytes."""


def bounce_route() -> Route[RouteStore]:
    return Route(
        name="take_bounce",
        kind=RouteKind.BOUNCE,
        method="POST",
        path="/callbacks/mail",
        media_types=MEDIA_TYPES,
        max_bytes=MAX_BYTES,
        too_large="A bounce may be up to 1 MB. Its beginning is enough: cut off the rest.",
        query={"recipient": "The address that the bounce was delivered to. If absent, it is read from the headers."},
        handle=_handle,
        summary="Store a bounced e-mail",
        description=(
            "For the mail server that receives bounces. The address that a bounce is sent to is signed, so no key is "
            "needed.\n\n"
            "A permanent failure makes the delivery `undelivered`; if the address does not exist, nothing more is sent "
            "to it. Delays and automatic answers change nothing. A bounce may be up to 1 MB. Its beginning is enough."
        ),
    )


def _handle(request: IncomingRequest, store: RouteStore) -> RouteResponse:
    """Reads only the head of the mail before the address is verified, and parses nothing of it."""
    if not takes_bounces(request.settings):
        raise RouteDisabled("Bounces are not accepted: MAIL_BOUNCE_DOMAIN or SMTP_URL is not set.")
    head = request.read(HEAD_BYTES)
    about = find_attempt(head, delivered_to=request.query.get("recipient"), settings=request.settings)
    try:
        bounce = read_bounce(head + request.read(-1), about=about, settings=request.settings)
    except UnreadableMail as error:
        raise MalformedRequest(f"cannot be read: {error}", delivery_id=about.delivery_id) from None
    if bounce.receipt is not None:
        store.store_bounce(
            bounce.receipt,
            delivery_id=about.delivery_id,
            attempt=about.attempt,
            suppress_address=bounce.address_is_dead,
        )
    return NO_CONTENT
