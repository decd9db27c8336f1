"""PATCH /api/messages/{id}. A message can be changed until its audience is expanded."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from api import problems
from api.authentication import with_key
from api.base_models import Moment
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.messages import responses, send_times
from api.messages.counted_message import counted_message
from api.messages.daily_usage import need_of
from api.messages.draft_edit import DraftEdit
from api.messages.link_editing import edited_with_links, store_links
from api.messages.merging import count_segments, stored_merge_fields
from api.messages.sending_checks import check_sendable, edited_reference_errors
from api.problems import RequestRefused
from api.services import services
from api.templates.filling import edit_with_template
from store import audit, daily_limits, message_lifecycle, messages
from store.api_keys import KeyHolder
from store.database import church_scope
from store.messages import Message


class MessageEdit(DraftEdit):
    """The fields of a message to change. Absent fields stay as they are."""

    send_at: Moment | None = Field(
        default=None, description="When to send it, as in a new message; null to send it now."
    )


@endpoint(
    "PATCH /api/messages/<uuid:message_id>",
    tag="Messages",
    summary="Change a message that is not yet being sent",
    authentication=with_key("messages:write"),
    body=MessageEdit,
    example={"sendAt": "2026-12-24T17:00:00"},
    responses=(ResponseSpec(status=200, description="The changed message.", content=responses.CountedMessage),),
    problems=(
        problems.NOT_FOUND,
        problems.WRONG_STATE,
        problems.DAILY_LIMIT,
        problems.MONTHLY_QUOTA,
        problems.TOO_MANY_CHECKS,
    ),
)
def change_message(*, caller: KeyHolder, message_id: UUID, body: MessageEdit) -> ApiResponse:
    """Changes the content, the time or the target of a message that is not being sent yet: it is scheduled, or was
    paused before its `sendAt`."""
    with church_scope(services().database, caller.church_id) as connection:
        found = messages.get(connection, church_id=caller.church_id, message_id=message_id)
    edit, errors = edit_with_template(body, church_id=caller.church_id, channel=found and found.channel)
    # This asks other servers, so no transaction is open.
    errors = errors or edited_reference_errors(edit, church_id=caller.church_id)
    with church_scope(services().database, caller.church_id) as connection:
        message = message_lifecycle.lock(connection, church_id=caller.church_id, message_id=message_id)
        if message is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such message.")
        if message.expanded_at is not None or message.canceled_at is not None:
            raise RequestRefused(problems.WRONG_STATE, f"The message can no longer be changed: it is {message.status}.")
        target = message_lifecycle.get_target(connection, church_id=caller.church_id, message_id=message_id)
        edited, links = edited_with_links(
            connection, message=message, current=_as_request_body(caller, message, target), edit=edit
        )
        if "send_at" in body.model_fields_set:
            send_at = send_times.due_at(connection, church_id=caller.church_id, send_at=edited.send_at)
        else:
            send_at = message.send_at
        new_target, segments = edited.target, count_segments(edited)
        check_sendable(connection, church_id=caller.church_id, draft=edited, target=new_target, errors=errors)
        need = need_of(
            connection,
            church_id=caller.church_id,
            channel=edited.channel,
            segments=segments,
            target_type=edited.target_type,
            target=new_target,
            send_at=send_at,
        )
        daily_limits.change_reservation(connection, church_id=caller.church_id, message_id=message_id, need=need)
        message_lifecycle.change(
            connection,
            church_id=caller.church_id,
            message_id=message_id,
            content=edited.content,
            details=edited.details,
            segments=segments,
            merge_fields=stored_merge_fields(edited),
            target_type=edited.target_type,
            target=new_target,
            send_at=send_at,
            urgent_reason=edited.urgent_reason,
        )
        store_links(connection, draft=edited, message_id=message_id, links=links, send_at=send_at)
        audit.record(
            connection,
            actor=caller.actor,
            action="message.changed",
            subject=str(message_id),
            church_id=caller.church_id,
            details={"fields": body.changed_fields},
        )
        changed = messages.get(connection, church_id=caller.church_id, message_id=message_id)
        assert changed is not None  # noqa: S101 - it is locked
        shown = counted_message(connection, church_id=caller.church_id, message=changed)
    return ApiResponse(status=200, content=shown)


def _as_request_body(caller: KeyHolder, message: Message, target: dict[str, list[str]]) -> dict[str, object]:
    """Return the request body that would create this message."""
    return {
        "churchId": str(caller.church_id),
        **message.details,
        "channel": message.channel,
        "content": message.content,
        "targetType": message.target_type,
        "contactIds": target.get("contactIds"),
        "phoneNumbers": target.get("phoneNumbers"),
        "emailAddresses": target.get("emailAddresses"),
        "groupIds": target.get("groupIds"),
        "excludeGroupIds": target.get("excludeGroupIds"),
        "urgent": {"reason": message.urgent_reason} if message.urgent_reason else None,
    }
