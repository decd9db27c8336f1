"""Fills the text of a template into a draft that names it."""

from __future__ import annotations

import json
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError

from api.field_errors import invalid
from api.messages.composition import Draft
from api.messages.draft_edit import DraftEdit
from api.problems import FieldError
from api.services import services
from store import templates
from store.database import church_scope

AnyDraft = TypeVar("AnyDraft", bound=Draft)
AnyEdit = TypeVar("AnyEdit", bound=DraftEdit)


def with_template(draft: AnyDraft, *, church_id: UUID) -> tuple[AnyDraft, list[FieldError]]:
    """Return the draft with the text of its template, and the errors of its `templateId`.

    With errors, the draft is as it was: it cannot be stored. What the template says about the channel and its fields
    holds where the draft does not say it. Raises RequestRefused (422) if the draft with the text is not valid.
    """
    if draft.template_id is None:
        return draft, []
    with church_scope(services().database, church_id) as connection:
        template = templates.get(connection, church_id=church_id, template_id=draft.template_id)
    if template is None:
        return draft, [FieldError(field="templateId", message="is not a template of this church")]
    body = draft.model_dump(mode="json", by_alias=True, exclude_unset=True)
    del body["templateId"]
    if template.channel is not None and body.get("channel", template.channel) != template.channel:
        return draft, [FieldError(field="templateId", message=f"is a template for {template.channel} only")]
    of_channel = {} if template.channel is None else {"channel": template.channel}
    try:
        filled = {**template.details, **of_channel, **body, "content": template.content}
        return type(draft).model_validate_json(json.dumps(filled)), []
    except ValidationError as error:
        raise invalid(error, "The message cannot be sent with this template.") from None


def edit_with_template(edit: AnyEdit, *, church_id: UUID, channel: str | None) -> tuple[AnyEdit, list[FieldError]]:
    """Return the edit of a message or schedule of the channel with the text of its template, and errors as above.

    What the template says about the fields of its channel holds where the edit does not say it. `channel` None: there
    is no such message.
    """
    if edit.template_id is None or channel is None:
        return edit, []
    with church_scope(services().database, church_id) as connection:
        template = templates.get(connection, church_id=church_id, template_id=edit.template_id)
    if template is None:
        return edit, [FieldError(field="templateId", message="is not a template of this church")]
    if template.channel not in (None, channel):
        return edit, [FieldError(field="templateId", message=f"is a template for {template.channel} only")]
    changes = edit.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"template_id"})
    filled = {**template.details, **changes, "content": template.content}
    return type(edit).model_validate_json(json.dumps(filled)), []
