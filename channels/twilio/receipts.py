"""Twilio's status callbacks: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from channels.incoming import (
    FORM,
    NO_CONTENT,
    CarrierReceipt,
    IncomingRequest,
    MalformedRequest,
    Route,
    RouteKind,
    RouteResponse,
    RouteStore,
    parse_form,
)
from channels.twilio.webhook_signature import HEADER, verify
from messaging.states import Status

STATUSES: Mapping[str, Status | None] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
"""Our status for each of Twilio's; None for those that add nothing to the acceptance of the submission."""


class TwilioForm(BaseModel):
    """The fields of a status callback that are used. Twilio sends others too."""

    model_config = ConfigDict(extra="allow")

    message_sid: str = Field(alias="MessageSid", min_length=1, description="Twilio's id of the message.")
    message_status: str = Field(
        alias="MessageStatus", examples=["delivered"], description="Twilio's status of the message."
    )
    error_code: str | None = Field(
        default=None, alias="ErrorCode", examples=["30006"], description="Twilio's error code, if the message failed."
    )


def status_route(channel: str) -> Route[RouteStore]:
    """The route for the status callbacks of one channel. Twilio gets its URL with each submission."""
    return Route(
        name=f"take_{channel}_receipt",
        kind=RouteKind.STATUS_CALLBACK,
        method="POST",
        path=f"/callbacks/{channel}/{{delivery_id}}/{{attempt}}",
        media_types=(FORM,),
        too_large="A callback may be up to 64 kB.",
        handle=_handle,
        summary=f"Store a receipt from Twilio ({channel})",
        description=(
            "For Twilio only. Twilio gets this URL with each submission. Repeated, late and reordered receipts change "
            "nothing."
        ),
        form=TwilioForm,
        signature_header=(HEADER, "Twilio's signature of the URL and the form."),
    )


def _handle(request: IncomingRequest, store: RouteStore) -> RouteResponse:
    receipt = read_receipt(request)
    if receipt is not None:
        store.store_receipt(receipt, delivery_id=request.delivery_id, attempt=request.attempt)
    return NO_CONTENT


def read_receipt(request: IncomingRequest) -> CarrierReceipt | None:
    """The receipt in a callback; None when it reports nothing new. Raises ForgedRequest, MalformedRequest."""
    form = parse_form(request.read(-1))
    verify(request, form)
    try:
        carrier_id, twilio_status = form["MessageSid"], form["MessageStatus"]
    except KeyError as error:
        raise MalformedRequest(f"{error.args[0]} is missing") from error
    error_code = form.get("ErrorCode") or None
    if not carrier_id:
        raise MalformedRequest("MessageSid is empty")
    if not (carrier_id + (error_code or "")).isprintable():
        raise MalformedRequest("MessageSid or ErrorCode holds control characters")
    status = STATUSES.get(twilio_status)
    if status is None:
        return None
    return CarrierReceipt(carrier_id=carrier_id, status=status, error_code=error_code)
