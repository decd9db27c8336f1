"""POST /callbacks/{channel}/{delivery}/{attempt}: what carriers tell us, stored as it came and applied afterwards."""

from __future__ import annotations

from urllib.parse import parse_qsl
from uuid import UUID

from flask import request
from pydantic import BaseModel, ConfigDict, Field

import logs
from api import bodies, problems
from api.authentication import SIGNATURE
from api.endpoints import Answer, Header, ResponseSpec, endpoint
from api.group_commit import WriteTimeout
from api.problems import FieldError, Refusal
from api.services import Services, services
from channels.base import Callback, CarrierReceipt, Channel, ForgedCallback, MalformedCallback
from channels.registry import CHANNELS
from store import receipts
from store.database import system_scope
from store.errors import OutcomeUnknown
from store.receipts import Receipt

FORM = "application/x-www-form-urlencoded"
MAX_BYTES = 64 * 1024
MAX_FIELDS = 200
"""Carriers send some twenty. The cost of checking a signature grows with them, and it comes before anyone is known."""

_log = logs.get_logger(__name__)


class TwilioForm(BaseModel):
    """What Twilio sends and is read here; it sends more, and may add to it."""

    model_config = ConfigDict(extra="allow")

    message_sid: str = Field(alias="MessageSid", min_length=1)
    message_status: str = Field(alias="MessageStatus", examples=["delivered"])
    error_code: str | None = Field(default=None, alias="ErrorCode", examples=["30006"])


@endpoint(
    "POST /callbacks/<channel>/<uuid:delivery_id>/<int(min=1,max=32767):attempt>",
    tag="Callbacks",
    summary="Take a carrier's receipt",
    authentication=SIGNATURE,
    form=TwilioForm,
    headers=(Header(name="X-Twilio-Signature", description="The signature of the address and the form, for sms."),),
    responses=(ResponseSpec(status=204, description="Noted, now or before."),),
    problems=(problems.FORBIDDEN, problems.NOT_FOUND, problems.INVALID),
)
def take_callback(*, channel: str, delivery_id: UUID, attempt: int) -> Answer:
    """For carriers only: every submission names this address. Repeated, late and reordered receipts do no harm."""
    if channel not in CHANNELS:
        raise Refusal(problems.NOT_FOUND, "There is no such channel.")
    told = _read(CHANNELS[channel])
    if told is not None:
        note(services(), told, delivery_id=delivery_id, attempt=attempt)
    return Answer(status=204)


def note(services: Services, told: CarrierReceipt, *, delivery_id: UUID, attempt: int) -> None:
    """Store what the carrier told, committed on return, and have it applied. Raises psycopg.Error."""
    receipt = Receipt(
        delivery_id=delivery_id,
        attempt=attempt,
        carrier_id=told.carrier_id,
        status=told.status,
        error_code=told.error_code,
    )
    try:
        services.receipts.put(receipt)
    except WriteTimeout as error:
        raise OutcomeUnknown("others' receipts took too long to be stored") from error
    services.job_queue.enqueue_receipts()


def read_form(body: bytes) -> dict[str, str]:
    """An urlencoded form; of a field that is named twice the last value. Raises MalformedCallback."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedCallback(f"the form has more than {MAX_FIELDS} fields") from error
    return dict(pairs)


def _read(channel: Channel) -> CarrierReceipt | None:
    """The receipt. Raises Refusal (403, 413, 415, 422)."""
    if request.mimetype != FORM:
        raise Refusal(problems.WRONG_MEDIA_TYPE, f"The body must be sent as {FORM}.")
    body = bodies.read_at_most(MAX_BYTES, "A callback may have 64 kB.")
    settings = services().settings
    try:
        callback = Callback(
            url=settings.public_url.rstrip("/") + request.full_path.removesuffix("?"),
            form=read_form(body),
            header=request.headers.get,
        )
        return channel.read_callback(callback, settings)
    except ForgedCallback:
        with system_scope(services().database) as connection:
            receipts.count_refused(connection, channel=channel.name)
        _log.warning("callback refused: not signed by the carrier", channel=channel.name)
        raise Refusal(problems.FORBIDDEN, "The signature does not fit.") from None
    except MalformedCallback as error:
        _log.warning("callback refused: cannot be read", channel=channel.name, reason=str(error))
        errors = [FieldError(field="body", message=str(error))]
        raise Refusal(problems.INVALID, "The callback cannot be read.", errors=errors) from None
