"""The checks of a send that need the settings or the database.

Those of the database run in the transaction that stores the message, so that an error rolls it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.messages.composition import Draft
from api.messages.draft_edit import DraftEdit
from api.messages.merging import merge_field_errors
from api.problems import FieldError, RequestRefused
from api.services import services
from channels.registry import CHANNELS
from store import church_limits, contacts, groups, messages, senders
from store.messages import Message, NewMessage, NoSender

Target = Mapping[str, Sequence[str]]
"""The target of a NewMessage."""


def unavailable(channel: str) -> str | None:
    """Return why this installation cannot send on the channel, or None if it can."""
    return CHANNELS[channel].unavailable_reason(services().settings)


def reference_errors(draft: Draft) -> list[FieldError]:
    """Return the errors of what the draft refers to, such as pictures.

    This asks other servers, so call it outside a transaction.
    """
    channel = CHANNELS[draft.channel]
    messages = channel.check_references(draft.details, services().settings, church_id=draft.church_id)
    return [FieldError(field=name, message=message) for name, message in messages.items()]


def edited_reference_errors(edit: DraftEdit, *, church_id: UUID) -> list[FieldError]:
    """Return the same for the fields of an edit that are valid by themselves. apply_edit() refuses the others."""
    errors: list[FieldError] = []
    for channel in CHANNELS.values():
        own = {name: value for name, value in (edit.model_extra or {}).items() if name in channel.detail_schemas}
        if own and not channel.check_details(own):
            messages = channel.check_references(own, services().settings, church_id=church_id)
            errors += [FieldError(field=name, message=message) for name, message in messages.items()]
    return errors


def check_sendable(
    connection: Connection[Any],
    *,
    church_id: UUID,
    draft: Draft,
    target: Target,
    errors: Sequence[FieldError] = (),
    keeps_references: bool = True,
) -> None:
    """Raise RequestRefused (422) if there are `errors`, or further ones. `target` is the draft's.

    `keeps_references`: lock the groups of the target and the fields in the text, so that none is deleted before the
    draft is stored. False in a transaction that only reads.
    """
    all_errors = [*errors, *_draft_errors(connection, church_id, draft, target, keeps_references=keeps_references)]
    if reason := unavailable(draft.channel):
        all_errors.insert(0, FieldError(field="channel", message=reason))
    elif not senders.exists(connection, church_id=church_id, channel=draft.channel):
        all_errors.insert(0, _no_sender(draft))
    if all_errors:
        raise _refused(all_errors)


def insert_checked(
    connection: Connection[Any], new: NewMessage, *, draft: Draft, errors: Sequence[FieldError] = ()
) -> tuple[Message, bool]:
    """Insert the message, and return it and whether it is new.

    Raises RequestRefused (422) if there are `errors`, or further ones, unless the message was accepted before. The
    insertion itself reports a missing sender, which saves a round trip to the database.
    """
    if reason := unavailable(draft.channel):
        error = FieldError(field="channel", message=reason)
        raise _refused([error, *errors, *_draft_errors(connection, new.church_id, draft, new.target)])
    try:
        message, is_new = messages.insert(connection, new)
    except NoSender:
        draft_errors = _draft_errors(connection, new.church_id, draft, new.target)
        raise _refused([_no_sender(draft), *errors, *draft_errors]) from None
    if is_new and (all_errors := [*errors, *_draft_errors(connection, new.church_id, draft, new.target)]):
        raise _refused(all_errors)
    return message, is_new


def _no_sender(draft: Draft) -> FieldError:
    message = f"has no sender in this church yet: ask the operator to set one for {draft.channel}"
    return FieldError(field="channel", message=message)


def allowed_regions(connection: Connection[Any], church_id: UUID) -> frozenset[str]:
    """Return the regions whose numbers the church may text."""
    return church_limits.regions(connection, church_id=church_id, default_regions=services().settings.default_regions)


def region_error(region: str, allowed: frozenset[str]) -> str | None:
    """Return why the church may not text a number in that region, or None if it may."""
    if region in allowed:
        return None
    listed = ", ".join(sorted(allowed))
    return f"is a number in {region}, but the church may text only {listed}: the operator can allow more regions"


def _draft_errors(
    connection: Connection[Any], church_id: UUID, draft: Draft, target: Target, *, keeps_references: bool = True
) -> list[FieldError]:
    return [
        *merge_field_errors(connection, church_id, draft, keeps_fields=keeps_references),
        *_unknown_contact_errors(connection, church_id, draft),
        *_unknown_group_errors(connection, church_id, draft, keeps_references=keeps_references),
        *_region_errors(connection, church_id, target),
    ]


def _region_errors(connection: Connection[Any], church_id: UUID, target: Target) -> list[FieldError]:
    """Return an error for each number outside the church's regions."""
    regions = target.get("numberRegions")
    if regions is None:
        return []
    allowed = allowed_regions(connection, church_id)
    return [
        FieldError(field=f"phoneNumbers[{index}]", message=message)
        for index, region in enumerate(regions)
        if (message := region_error(region, allowed))
    ]


def _unknown_contact_errors(connection: Connection[Any], church_id: UUID, draft: Draft) -> list[FieldError]:
    """Return an error for each id that is not a contact of the church."""
    if draft.contact_ids is None:
        return []
    unknown = contacts.unknown(connection, church_id=church_id, contact_ids=draft.contact_ids)
    return [
        FieldError(field=f"contactIds[{index}]", message="is not a contact of this church")
        for index, contact_id in enumerate(draft.contact_ids)
        if contact_id in unknown
    ]


def _unknown_group_errors(
    connection: Connection[Any], church_id: UUID, draft: Draft, *, keeps_references: bool
) -> list[FieldError]:
    """Return an error for each id that is not a group of the church."""
    listed = {"groupIds": draft.group_ids or (), "excludeGroupIds": draft.exclude_group_ids or ()}
    group_ids = [group_id for ids in listed.values() for group_id in ids]
    if not group_ids:
        return []
    find = groups.lock_known if keeps_references else groups.find_known
    known = find(connection, church_id=church_id, group_ids=group_ids)
    return [
        FieldError(field=f"{name}[{index}]", message="is not a group of this church")
        for name, ids in listed.items()
        for index, group_id in enumerate(ids)
        if group_id not in known
    ]


def _refused(errors: list[FieldError]) -> RequestRefused:
    return RequestRefused(problems.INVALID, "The message cannot be sent with these fields.", errors=errors)
