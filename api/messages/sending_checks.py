"""What only the settings and the database know about whether something can be sent.

It is asked inside the transaction, so that what was written vanishes with a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.messages.composition import Draft
from api.messages.revision import Revision
from api.problems import FieldError, RequestRefused
from api.services import services
from channels.registry import CHANNELS
from store import churches, contacts, daily_limits, messages
from store.messages import Message, NewMessage, NoSender

Target = Mapping[str, Sequence[str]]
"""As of a NewMessage."""


def unavailable(channel: str) -> str | None:
    """Why nothing can be sent on the channel here; None when something can."""
    return CHANNELS[channel].unavailable_reason(services().settings)


def reference_errors(draft: Draft) -> list[FieldError]:
    """What is wrong with what the draft refers to, such as pictures. Others are asked: not inside a transaction."""
    complaints = CHANNELS[draft.channel].check_references(draft.details, services().settings, church_id=draft.church_id)
    return [FieldError(field=name, message=complaint) for name, complaint in complaints.items()]


def new_reference_errors(changes: Revision, *, church_id: UUID) -> list[FieldError]:
    """The same of what is to be changed, as far as it is sound: what is not is refused together with what stands."""
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
    """Raises RequestRefused (422), with the complaints that are there already. `target` is the draft's."""
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
    """The drafted message and whether it is new, as `store.messages.insert` has it.

    Raises RequestRefused (422), with the complaints that are there already, unless the message was accepted before. The
    insertion finds out by itself whether there is a sender: the usual send takes no round trip for that.
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
    """The regions whose numbers the church may text."""
    return daily_limits.regions(connection, church_id=church_id, default_regions=services().settings.default_regions)


def region_error(region: str, allowed: frozenset[str]) -> str | None:
    """What is wrong with a number of that region; None where the church may text it."""
    if region in allowed:
        return None
    listed = ", ".join(sorted(allowed))
    return f"is a number of {region}, and the church texts {listed} only: an operator can allow more"


def _recipient_errors(connection: Connection[Any], church_id: UUID, draft: Draft, target: Target) -> list[FieldError]:
    return [*_unknown_contact_errors(connection, church_id, draft), *_region_errors(connection, church_id, target)]


def _region_errors(connection: Connection[Any], church_id: UUID, target: Target) -> list[FieldError]:
    """Which of the numbers are not of the church's regions."""
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
    """Which of the contacts are not the church's."""
    if draft.contact_ids is None:
        return []
    strangers = contacts.unknown(connection, church_id=church_id, contact_ids=draft.contact_ids)
    return [
        FieldError(field=f"contactIds[{index}]", message="is not a contact of this church")
        for index, contact_id in enumerate(draft.contact_ids)
        if contact_id in strangers
    ]


def _refused(errors: list[FieldError]) -> RequestRefused:
    return RequestRefused(problems.INVALID, "The message cannot be sent as it is.", errors=errors)
