"""POST /callbacks/mail: a mail that came back, handed on by whatever receives mail for MAIL_BOUNCE_DOMAIN."""

from __future__ import annotations

from flask import request
from pydantic import Field

import logs
from api import problems
from api.authentication import SIGNATURE
from api.endpoints import Answer, Promise, endpoint
from api.problems import Refusal
from api.services import services
from api.shapes import Given
from channels.base import ForgedCallback
from channels.mail.bounces import Bounce, read_bounce
from store import opt_outs, receipts
from store.database import system_scope
from store.receipts import Receipt

SOURCE = "bounce"
MEDIA_TYPE = "message/rfc822"

_log = logs.get_logger(__name__)


class BounceQuery(Given):
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
    raw=MEDIA_TYPE,
    promises=(Promise(status=204, description="Noted, now or before; or it says nothing that counts."),),
    problems=(problems.FORBIDDEN,),
)
def take_bounce(*, query: BounceQuery) -> Answer:
    """For the mail server that receives bounces. The address that a bounce comes to carries our signature.

    A failure for good ends the delivery as `undelivered`; where the address itself is dead, nothing more is sent to it.
    Delays and automatic answers change nothing.
    """
    if request.mimetype != MEDIA_TYPE:
        raise Refusal(problems.WRONG_MEDIA_TYPE, f"The body must be sent as {MEDIA_TYPE}.")
    raw = request.get_data(cache=False)
    try:
        bounce = read_bounce(raw, delivered_to=query.recipient, settings=services().settings)
    except ForgedCallback:
        with system_scope(services().database) as connection:
            receipts.count_refused(connection, channel="mail")
        _log.warning("bounce refused: it came to no address of ours")
        raise Refusal(problems.FORBIDDEN, "The address it came to is none of ours.") from None
    _note(bounce)
    return Answer(status=204)


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
    services().doorbell.ring_receipts()
