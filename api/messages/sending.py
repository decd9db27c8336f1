"""POST /api/messages/send: one row in the ledger, one ring, and no recipient touched."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from psycopg import Connection

from api import problems
from api.authentication import with_key
from api.endpoints import Answer, Header, Promise, endpoint
from api.messages import views
from api.messages.composition import Composition
from api.problems import FieldError, Refusal
from api.services import services
from api.traces import request_id
from channels.registry import CHANNELS
from store import contacts, messages
from store.churches import KeyHolder
from store.database import church_scope
from store.messages import NewMessage, NoSender

_VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")

IDEMPOTENCY_KEY = Header(
    name="Idempotency-Key",
    description=(
        "A name for this message that you choose, such as a UUID. However often a request is repeated with it, one "
        "message is made; with another body it is refused (409)."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
_REPLAYED = Header(
    name="Idempotent-Replayed",
    description="`true` when an earlier request with this Idempotency-Key had made the message.",
    schema={"type": "string", "enum": ["true"]},
)
_LOCATION = Header(name="Location", description="The message.", schema={"type": "string", "format": "uri-reference"})
_EXAMPLE = {
    "churchId": "0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11",
    "content": "Service moves to 10:30 this Sunday. See you there!",
    "targetType": "all",
}
_EXAMPLE_ANSWER = {
    "id": "0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42",
    "status": "accepted",
    "channel": "sms",
    "segments": 1,
    "sendAt": "2026-12-24T22:00:00Z",
    "createdAt": "2026-12-24T22:00:00Z",
    "links": {
        "self": "/api/messages/0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42",
        "deliveries": "/api/messages/0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42/deliveries",
    },
}


@endpoint(
    "POST /api/messages/send",
    tag="Messages",
    summary="Send a message",
    authentication=with_key("messages:write"),
    body=Composition,
    headers=(IDEMPOTENCY_KEY,),
    example=_EXAMPLE,
    promises=(
        Promise(
            status=202,
            description="Accepted: the message is stored and will be sent.",
            content=views.AcceptedMessage,
            headers=(_LOCATION, _REPLAYED),
            example=_EXAMPLE_ANSWER,
        ),
    ),
    problems=(problems.KEY_REUSED,),
)
def send_message(*, caller: KeyHolder, body: Composition) -> Answer:
    """Accepts one message for everyone, for some contacts, numbers or addresses, to be sent now or later.

    The answer comes before anything is sent: follow `links.self` to see how far it came. Send an `Idempotency-Key`,
    and repeat the request unchanged whenever you do not know whether it arrived.
    """
    idempotency_key = _idempotency_key()
    if body.church_id != caller.church_id:
        raise Refusal(problems.FORBIDDEN, "The key does not speak for the church in churchId.")
    due_at = body.due_at
    new = NewMessage(
        church_id=caller.church_id,
        channel=body.channel,
        content=body.content,
        details=body.details,
        segments=CHANNELS[body.channel].count_segments(body.content),
        target_type=body.target_type,
        target=body.target,
        idempotency_key=idempotency_key,
        request_hash=body.digest(),
        request_id=request_id(),
        send_at=due_at,
    )
    unfit = _unfit(body)  # before the transaction: others may be asked
    with church_scope(services().database, caller.church_id) as connection:
        if reason := CHANNELS[body.channel].unavailable(services().settings):
            raise _unsendable([FieldError(field="channel", message=reason), *_strangers(connection, caller, body)])
        try:
            message, is_new = messages.insert(connection, new)
        except NoSender:
            raise _unsendable([_no_sender(body.channel), *unfit, *_strangers(connection, caller, body)]) from None
        if is_new and (complaints := [*unfit, *_strangers(connection, caller, body)]):
            raise _unsendable(complaints)  # inside the transaction: the message vanishes with it
    if message.request_hash != new.request_hash:
        raise Refusal(problems.KEY_REUSED, "This Idempotency-Key already belongs to another message.")
    if is_new and due_at is None:
        services().doorbell.ring_expansion(channel=message.channel)
    view = views.accepted(message)
    replayed = {} if is_new else {"Idempotent-Replayed": "true"}
    return Answer(status=202, content=view, headers={"Location": view.links.self, **replayed})


def _idempotency_key() -> str | None:
    given = request.headers.get(IDEMPOTENCY_KEY.name)
    if given is None or _VISIBLE_ASCII.fullmatch(given):
        return given
    raise Refusal(
        problems.INVALID,
        "The Idempotency-Key cannot be used.",
        errors=[FieldError(field=IDEMPOTENCY_KEY.name, message="must be 1 to 255 visible ASCII characters")],
    )


def _unfit(body: Composition) -> list[FieldError]:
    """What only others know: whether what the message refers to, such as pictures, can be sent."""
    complaints = CHANNELS[body.channel].check_references(body.details, services().settings)
    return [FieldError(field=name, message=complaint) for name, complaint in complaints.items()]


def _no_sender(channel: str) -> FieldError:
    advice = f"has no sender in this church yet; an operator sets one for {channel}"
    return FieldError(field="channel", message=advice)


def _strangers(connection: Connection[Any], caller: KeyHolder, body: Composition) -> list[FieldError]:
    """What only the database knows: which of the contacts are not the church's."""
    if body.contact_ids is None:
        return []
    strangers = contacts.unknown(connection, church_id=caller.church_id, contact_ids=body.contact_ids)
    return [
        FieldError(field=f"contactIds[{index}]", message="is not a contact of this church")
        for index, contact_id in enumerate(body.contact_ids)
        if contact_id in strangers
    ]


def _unsendable(errors: list[FieldError]) -> Refusal:
    return Refusal(problems.INVALID, "The message cannot be sent as it is.", errors=errors)
