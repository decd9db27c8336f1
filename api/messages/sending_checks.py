"""The checks of a send that need the settings or the database.

They run inside the transaction, so that an error rolls back what was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.messages.composition import Draft
from api.messages.draft_edit import DraftEdit
from api.problems import FieldError, RequestRefused
from api.services import services
from channels.registry import CHANNELS
from store import churches, contacts, daily_limits, messages
from store.messages import Message, NewMessage, NoSender

Target = Mapping[str, Sequence[str]]
"""The target of a NewMessage."""


def unavailable(channel: str) -> str | None:
    """Return why nothing can be sent on the channel in this installation; None when it can."""
    return CHANNELS[channel].unavailable_reason(services().settings)


def reference_errors(draft: Draft) -> list[FieldError]:
    """Return the errors of what the draft refers to, such as pictures. Asks other servers: call it outside a
    transaction."""
    complaints = CHANNELS[draft.channel].check_references(draft.details, services().settings, church_id=draft.church_id)
    return [FieldError(field=name, message=complaint) for name, complaint in complaints.items()]


def new_reference_errors(changes: DraftEdit, *, church_id: UUID) -> list[FieldError]:
    """Return the same for an edit, for those fields that are valid by themselves. The others are refused with the
    whole."""
    found: list[FieldError] = []
    for channel in CHANNELS.values():
        own = {name: value for name, value in (changes.model_extra or {}).items() if name in channel.detail_schemas}
        if own and not channel.check_details(own):
            complaints = channel.check_references(own, services().settings, church_id=church_id)
            found += [FieldError(field=name, message=complaint) for name, complaint in complaints.items()]
    return found


def check_sendable(
    connection: Connection[Any],
    *,
    church_id: UUID,
    draft: Draft,
    target: Target,
    complaints: Sequence[FieldError] = (),
) -> None:
    """Raise RequestRefused (422) with these and the errors found here. `target` is the draft's."""
    errors = [*complaints, *_recipient_errors(connection, church_id, draft, target)]
    if reason := unavailable(draft.channel):
        errors.insert(0, FieldError(field="channel", message=reason))
    elif not churches.has_sender(connection, church_id=church_id, channel=draft.channel):
        errors.insert(0, _no_sender(draft))
    if errors:
        raise _refused(errors)


def insert_checked(
    connection: Connection[Any], new: NewMessage, *, draft: Draft, complaints: Sequence[FieldError] = ()
) -> tuple[Message, bool]:
    """Insert the draft; return the message and whether it is new.

    Raises RequestRefused (422) with these and the errors found here, unless the message was accepted before. The
    insertion reports a missing sender itself, so a usual send needs no extra round trip.
    """
    if reason := unavailable(draft.channel):
        error = FieldError(field="channel", message=reason)
        raise _refused([error, *complaints, *_recipient_errors(connection, new.church_id, draft, new.target)])
    try:
        message, is_new = messages.insert(connection, new)
    except NoSender:
        wrong = _recipient_errors(connection, new.church_id, draft, new.target)
        errors = [_no_sender(draft), *complaints, *wrong]
        raise _refused(errors) from None
    if is_new and (errors := [*complaints, *_recipient_errors(connection, new.church_id, draft, new.target)]):
        raise _refused(errors)
    return message, is_new


def _no_sender(draft: Draft) -> FieldError:
    advice = f"has no sender in this church yet; an operator sets one for {draft.channel}"
    return FieldError(field="channel", message=advice)


def allowed_regions(connection: Connection[Any], church_id: UUID) -> frozenset[str]:
    """Return the regions whose numbers the church may text."""
    return daily_limits.regions(connection, church_id=church_id, default_regions=services().settings.default_regions)


def region_error(region: str, allowed: frozenset[str]) -> str | None:
    """Return why the church may not text a number of that region; None where it may."""
    if region in allowed:
        return None
    listed = ", ".join(sorted(allowed))
    return f"is a number of {region}, and the church texts {listed} only: an operator can allow more"


def _recipient_errors(connection: Connection[Any], church_id: UUID, draft: Draft, target: Target) -> list[FieldError]:
    return [*_unknown_contact_errors(connection, church_id, draft), *_region_errors(connection, church_id, target)]


def _region_errors(connection: Connection[Any], church_id: UUID, target: Target) -> list[FieldError]:
    """Return an error for each number outside the church's regions."""
    regions = target.get("numberRegions")
    if regions is None:
        return []
    allowed = allowed_regions(connection, church_id)
    return [
        FieldError(field=f"phoneNumbers[{index}]", message=complaint)
        for index, region in enumerate(regions)
        if (complaint := region_error(region, allowed))
    ]


def _unknown_contact_errors(connection: Connection[Any], church_id: UUID, draft: Draft) -> list[FieldError]:
    """Return an error for each contact of another church."""
    if draft.contact_ids is None:
        return []
    strangers = contacts.unknown(connection, church_id=church_id, contact_ids=draft.contact_ids)
    return [
        FieldError(field=f"contactIds[{index}]", message="is not a contact of this church")
        for index, contact_id in enumerate(draft.contact_ids)
        if contact_id in strangers
    ]


def _refused(errors: list[FieldError]) -> RequestRefused:
    return RequestRefused(problems.INVALID, "The message cannot be sent with these fields.", errors=errors)
