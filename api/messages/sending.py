"""POST /api/messages/send: stores the message and enqueues a job, which later creates the deliveries."""

from __future__ import annotations

from typing import Any

from api import problems
from api.authentication import with_key
from api.endpoints import ApiResponse, Header, ResponseSpec, endpoint
from api.idempotency import IDEMPOTENCY_KEY, RESPONSE_HEADERS, idempotency_headers, idempotency_key
from api.messages import responses, send_times
from api.messages.composition import Composition
from api.messages.daily_usage import need_of
from api.messages.link_shortening import shorten_draft
from api.messages.merging import count_segments, length_warnings, stored_merge_fields
from api.messages.sending_checks import insert_checked, reference_errors
from api.messages.wait_reasons import Notice, notices
from api.problems import RequestRefused
from api.request_digest import request_digest
from api.request_ids import request_id
from api.services import services
from api.templates.filling import with_template
from store.api_keys import KeyHolder
from store.database import church_scope
from store.messages import Message, NewMessage

_LOCATION = Header(
    name="Location", description="The path of the message.", schema={"type": "string", "format": "uri-reference"}
)
_EXAMPLE = {
    "churchId": "0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11",
    "content": "Service moves to 10:30 this Sunday. See you there!",
    "targetType": "all",
}
_EXAMPLE_RESPONSE: dict[str, Any] = {
    "id": "0197a3f2-77d0-7a51-8a1c-3b9f2f0f6a42",
    "status": "accepted",
    "channel": "sms",
    "segments": 1,
    "sendAt": "2026-12-24T22:00:00Z",
    "createdAt": "2026-12-24T22:00:00Z",
    "warnings": [],
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
    responses=(
        ResponseSpec(
            status=202,
            description="Accepted: the message is stored and will be sent.",
            content=responses.AcceptedMessage,
            headers=(_LOCATION, *RESPONSE_HEADERS),
            example=_EXAMPLE_RESPONSE,
        ),
    ),
    problems=(
        problems.CHURCH_SUSPENDED,
        problems.KEY_REUSED,
        problems.DAILY_LIMIT,
        problems.MONTHLY_QUOTA,
        problems.TOO_MANY_CHECKS,
    ),
)
def send_message(*, caller: KeyHolder, body: Composition) -> ApiResponse:
    """Accepts a message to all contacts, or to some contacts, numbers or addresses, to be sent now or later. The
    response comes before anything is sent; to see the progress, get `links.self`. Send an `Idempotency-Key`, so that
    you can safely repeat the request unchanged when you do not know whether it arrived. `warnings` says if something
    prevents the message from being sent at present, or if it has no recipients."""
    if body.church_id != caller.church_id:
        raise RequestRefused(problems.FORBIDDEN, "churchId is not the church of the key.")
    # These take a while for 10,000 recipients, or ask other servers, so no transaction is open.
    request_hash = request_digest(body)
    body, errors = with_template(body, church_id=caller.church_id)
    target, errors = body.target, errors or reference_errors(body)
    with church_scope(services().database, caller.church_id) as connection:
        due_at = send_times.due_at(connection, church_id=caller.church_id, send_at=body.send_at)
        to_send, links = shorten_draft(connection, body)
        segments = count_segments(to_send)
        need = need_of(
            connection,
            church_id=caller.church_id,
            channel=body.channel,
            segments=segments,
            target_type=body.target_type,
            target=target,
            send_at=due_at,
        )
        new = NewMessage(
            church_id=caller.church_id,
            channel=body.channel,
            content=to_send.content,
            details=body.details,
            segments=segments,
            target_type=body.target_type,
            target=target,
            idempotency_key=idempotency_key(),
            request_hash=request_hash,
            request_id=request_id(),
            send_at=due_at,
            urgent_reason=body.urgent_reason,
            shorten_links=body.shorten_links,
            links=links,
            merge_fields=stored_merge_fields(to_send),
            need=need,
            accepted_by=caller.actor,
        )
        message, is_new = insert_checked(connection, new, draft=body, errors=errors)
        warnings = notices(
            connection,
            church_id=new.church_id,
            channel=new.channel,
            target_type=new.target_type,
            target=target,
            need=need,
            is_new=is_new,
        ) + length_warnings(connection, new.church_id, to_send)
    if message.request_hash != request_hash:
        raise RequestRefused(problems.KEY_REUSED, "This Idempotency-Key was already used for another message.")
    if is_new and due_at is None:
        services().job_queue.enqueue_expansion(channel=message.channel)
    return _accepted(message, warnings, is_new=is_new)


def _accepted(message: Message, warnings: list[Notice], *, is_new: bool) -> ApiResponse:
    view = responses.accepted(message, warnings)
    headers = {"Location": view.links.self, **idempotency_headers(is_new=is_new)}
    return ApiResponse(status=202, content=view, headers=headers)
