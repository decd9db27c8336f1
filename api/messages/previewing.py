"""POST /api/messages/preview: what would become of a message, without sending it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psycopg import Connection

from api import problems
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages import send_times
from api.messages.composition import Composition
from api.messages.daily_usage import need_of
from api.messages.link_shortening import shorten_draft
from api.messages.merging import count_segments, length_warnings, stored_merge_fields
from api.messages.preview_figures import chosen_examples, cost_of, encoding_of, estimate_of, used_limits
from api.messages.preview_responses import Exclusion, MessagePreview, SegmentCounts
from api.messages.preview_warnings import preview_warnings
from api.messages.sending_checks import check_sendable, reference_errors
from api.messages.wait_reasons import notices
from api.problems import FieldError, RequestRefused
from api.services import services
from api.templates.filling import with_template
from channels.per_church_limits import ChurchSlots, NoFreeSlot
from channels.registry import CHANNELS
from messaging.links import SAMPLE_CODE
from messaging.merge_fields import MergeFieldError
from store import previews, suspensions
from store.api_keys import KeyHolder
from store.audiences import Audience
from store.daily_limits import Need
from store.database import church_scope
from store.merge_fields import StoredMergeFields
from store.previews import PreviewedMessage

_PER_CHURCH = 2
_slots = ChurchSlots(total=6, per_church=_PER_CHURCH)
"""A preview of a large church takes a large part of a second. So previews take at most 6 of the 16 threads of a web
process, and those of one church 2."""
_UNSENDABLE = 10**6


@endpoint(
    "POST /api/messages/preview",
    tag="Messages",
    summary="Preview a message",
    authentication=with_key("messages:write"),
    body=Composition,
    example={
        "churchId": "0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11",
        "content": "Hi {{firstName|friend}}, service moves to 10:30 this Sunday.",
        "targetType": "all",
    },
    responses=(ResponseSpec(status=200, description="The preview.", content=MessagePreview),),
    problems=(problems.CHURCH_SUSPENDED, problems.TOO_MANY_PREVIEWS, problems.TOO_MANY_CHECKS),
)
def preview_message(*, caller: KeyHolder, body: Composition) -> ApiResponse:
    """Shows what would become of a message if it were sent now: whom it reaches and why others get nothing, how many
    segments it takes and what they cost, when it would be done, how it looks for three recipients, and what you
    should know. The body is that of `POST /api/messages/send`, and so are the errors. Nothing is stored. The same may
    be different when the message is sent: contacts, opt-outs and what else the church sends change."""
    if body.church_id != caller.church_id:
        raise RequestRefused(problems.FORBIDDEN, "churchId is not the church of the key.")
    try:
        with _slots.hold(caller.church_id):
            filled, errors = with_template(body, church_id=caller.church_id)
            return ApiResponse(status=200, content=_preview(filled, errors))
    except NoFreeSlot:
        raise RequestRefused(
            problems.TOO_MANY_PREVIEWS,
            f"{_PER_CHURCH} other previews of your church, or many of others, are being calculated.",
            headers={"Retry-After": str(problems.RETRY_AFTER_SECONDS)},
        ) from None


def _preview(body: Composition, template_errors: Sequence[FieldError]) -> MessagePreview:
    # These take a while for 10,000 recipients, or ask other servers, so no transaction is open.
    target, errors = body.target, template_errors or reference_errors(body)
    with church_scope(services().database, body.church_id) as connection:
        previews.begin_reading(connection)
        suspensions.refuse_suspended(connection, body.church_id)
        check_sendable(
            connection, church_id=body.church_id, draft=body, target=target, errors=errors, keeps_references=False
        )
        send_at = send_times.due_at(connection, church_id=body.church_id, send_at=body.send_at)
        to_send, _ = shorten_draft(connection, body, code=SAMPLE_CODE)
        merge_fields = stored_merge_fields(to_send)
        need = _need(connection, to_send, target, send_at)
        found = previews.recipients(connection, _message(to_send, target, merge_fields, send_at))
        around = previews.circumstances(connection, church_id=body.church_id, channel=body.channel, send_at=send_at)
        return MessagePreview(
            audience=found.reached + sum(found.excluded.values()),
            reached=found.reached,
            exclusions=[Exclusion(reason=reason, people=found.excluded[reason]) for reason in sorted(found.excluded)],
            segments=SegmentCounts(min=found.least, max=found.most, sum=found.segments),
            encoding=encoding_of(to_send, found, merge_fields),
            cost=cost_of(found.segments, around.per_segment, around.currency),
            limits=used_limits(connection, to_send, need, found),
            estimate=estimate_of(to_send, found, around, send_at),
            examples=chosen_examples(to_send, found),
            warnings=preview_warnings(
                body,
                found,
                count_segments=partial(_segments_of, connection, body),
                church_name=around.church_name,
                merge_fields=merge_fields,
                notices=[
                    *notices(
                        connection,
                        church_id=body.church_id,
                        channel=body.channel,
                        target_type=body.target_type,
                        target=target,
                        need=need,
                    ),
                    *length_warnings(connection, body.church_id, to_send),
                ],
            ),
        )


def _need(
    connection: Connection[Any], draft: Composition, target: dict[str, list[str]], send_at: datetime | None
) -> Need | None:
    """Return what a send would reserve of the limits."""
    return need_of(
        connection,
        church_id=draft.church_id,
        channel=draft.channel,
        segments=count_segments(draft),
        target_type=draft.target_type,
        target=target,
        send_at=send_at,
    )


def _segments_of(connection: Connection[Any], draft: Composition, text: str) -> int:
    """Return the segments of another text; very many if it cannot be sent."""
    try:
        other, _ = shorten_draft(connection, draft.model_copy(update={"content": text}), code=SAMPLE_CODE)
        return _UNSENDABLE if CHANNELS[draft.channel].check_content(text) else count_segments(other)
    except (MergeFieldError, RequestRefused):
        return _UNSENDABLE


def _message(
    draft: Composition,
    target: Mapping[str, Sequence[str]],
    merge_fields: StoredMergeFields | None,
    send_at: datetime | None,
) -> PreviewedMessage:
    channel = CHANNELS[draft.channel]
    return PreviewedMessage(
        audience=Audience(
            church_id=draft.church_id,
            channel=draft.channel,
            address_kind=channel.address_kind,
            target_type=draft.target_type,
            target=target,
            default_regions=services().settings.default_regions,
        ),
        content=draft.content,
        details=draft.details,
        segments=count_segments(draft),
        merge_fields=merge_fields,
        keeps_quiet_hours=channel.keeps_quiet_hours and draft.urgent is None,
        send_at=send_at,
    )
