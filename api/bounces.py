"""POST /callbacks/mail: a mail that came back, handed on by whatever receives mail for MAIL_BOUNCE_DOMAIN."""

from __future__ import annotations

from flask import request
from pydantic import Field

import logs
from api import bodies, problems
from api.authentication import SIGNATURE
from api.endpoints import Answer, ResponseSpec, endpoint
from api.problems import FieldError, Refusal
from api.services import services
from api.shapes import RequestModel
from channels.base import ForgedCallback
from channels.mail.bounces import (
    HEAD_BYTES,
    MAX_BYTES,
    Bounce,
    BouncedAttempt,
    find_attempt,
    read_bounce,
    takes_bounces,
)
from channels.mail.mime_parts import UnreadableMail
from store import opt_outs, receipts
from store.database import system_scope
from store.receipts import Receipt

SOURCE = "bounce"
MEDIA_TYPES = ("message/rfc822", "application/octet-stream")
"""The second is for generated clients, of which some know no other type for bytes."""
_TOO_LARGE = "A bounce may have 1 MB. Its beginning is enough: cut off the rest."

_log = logs.get_logger(__name__)


class BounceQuery(RequestModel):
    """Where the mail came to."""

    recipient: str | None = Field(
        default=None, description="The address that the mail was delivered to. Absent: read from its headers."
    )


@endpoint(
    "POST /callbacks/mail",
    tag="Callbacks",
    summary="Take a mail that came back",
    authentication=SIGNATURE,
    query=BounceQuery,
    raw=MEDIA_TYPES,
    responses=(ResponseSpec(status=204, description="Noted, now or before; or it says nothing that counts."),),
    problems=(problems.FORBIDDEN,),
)
def take_bounce(*, query: BounceQuery) -> Answer:
    """For the mail server that receives bounces. The address that a bounce comes to carries our signature.

    A failure for good ends the delivery as `undelivered`; where the address itself is dead, nothing more is sent to it.
    Delays and automatic answers change nothing. A mail may have 1 MB: its beginning is enough.
    """
    if not takes_bounces(services().settings):
        raise Refusal(problems.FORBIDDEN, "No bounces are taken here: MAIL_BOUNCE_DOMAIN or SMTP_URL is not set.")
    if request.mimetype not in MEDIA_TYPES:
        raise Refusal(problems.WRONG_MEDIA_TYPE, f"The body must be sent as {' or '.join(MEDIA_TYPES)}.")
    bodies.refuse_larger(MAX_BYTES, _TOO_LARGE)
    head = bodies.read_bytes(HEAD_BYTES)
    about = _verify(head, query.recipient)
    raw = head + bodies.read_bytes(MAX_BYTES + 1 - len(head))
    if len(raw) > MAX_BYTES:
        raise Refusal(problems.TOO_LARGE, _TOO_LARGE)
    _note(_read(raw, about))
    return Answer(status=204)


def _verify(head: bytes, recipient: str | None) -> BouncedAttempt:
    """The attempt that the mail is about, before anything else of it is read or parsed. Raises Refusal (403)."""
    try:
        return find_attempt(head, delivered_to=recipient, settings=services().settings)
    except ForgedCallback:
        with system_scope(services().database) as connection:
            receipts.count_refused(connection, channel="mail")
        _log.warning("bounce refused: it came to no address of ours")
        raise Refusal(problems.FORBIDDEN, "The address it came to is none of ours.") from None


def _read(raw: bytes, about: BouncedAttempt) -> Bounce:
    """What the mail says. Raises Refusal (422)."""
    try:
        return read_bounce(raw, about=about, settings=services().settings)
    except UnreadableMail as error:
        _log.warning("bounce refused: cannot be read", delivery_id=str(about.delivery_id), reason=str(error))
        errors = [FieldError(field="body", message=f"cannot be read: {error}")]
        raise Refusal(problems.INVALID, "The mail cannot be read.", errors=errors) from None


def _note(bounce: Bounce) -> None:
    if bounce.receipt is None:
        return
    with system_scope(services().database) as connection:
        told = Receipt(
            delivery_id=bounce.delivery_id,
            attempt=bounce.attempt,
            carrier_id=bounce.receipt.carrier_id,
            status=bounce.receipt.status,
            error_code=bounce.receipt.error_code,
        )
        receipts.insert(connection, [told])
        recipient = opt_outs.recipient_of(connection, bounce.delivery_id) if bounce.gone else None
        if recipient is not None:
            opt_outs.opt_out(connection, church_id=recipient.church_id, address=recipient.address, source=SOURCE)
    services().job_queue.enqueue_receipts()
