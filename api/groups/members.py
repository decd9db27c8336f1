"""GET and POST /api/groups/{id}/members, and POST /api/groups/{id}/members/remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field

from api import problems, query_parameters
from api.authentication import with_key
from api.base_models import RequestModel, ResponseModel
from api.contacts.responses import ContactPage, contact_view
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.locked_group import known_group, record_change
from api.groups.member_pages import page_of_members
from api.problems import FieldError, RequestRefused
from api.query_parameters import PageQuery
from api.services import services
from store import contacts, groups
from store.api_keys import KeyHolder
from store.database import church_scope

MAX_MEMBERS = 10_000
"""The most contacts that one request adds or removes."""


class GroupMembers(RequestModel):
    """Contacts of the church."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_MEMBERS)]


class AddedMembers(ResponseModel):
    """The result of adding contacts to a group."""

    added: int = Field(description="How many contacts are in the group now and were not before.")
    existing: int = Field(description="How many were in the group already.")


class RemovedMembers(ResponseModel):
    """The result of removing contacts from a group."""

    removed: int = Field(description="How many contacts were in the group and are not any more.")


@endpoint(
    "GET /api/groups/<uuid:group_id>/members",
    tag="Groups",
    summary="List the members of a group",
    authentication=with_key("contacts:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=ContactPage),),
    problems=(problems.NOT_FOUND,),
)
def list_group_members(*, caller: KeyHolder, group_id: UUID, query: PageQuery) -> ApiResponse:
    """Lists the contacts in the group, oldest first. Pass `next` as `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        group = known_group(connection, caller, group_id)
        found = page_of_members(
            connection, church_id=caller.church_id, group=group, after=query.cursor, limit=query.limit + 1
        )
    shown = found[: query.limit]
    page = ContactPage(
        items=[contact_view(contact) for contact in shown],
        next=query_parameters.write_cursor(shown[-1].contact_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


@endpoint(
    "POST /api/groups/<uuid:group_id>/members",
    tag="Groups",
    summary="Add contacts to a group",
    authentication=with_key("contacts:write"),
    body=GroupMembers,
    example={"contactIds": ["0197a3f1-0c55-7be2-a6d4-58e1c9d0b7f3"]},
    responses=(ResponseSpec(status=200, description="The contacts are in the group.", content=AddedMembers),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def add_group_members(*, caller: KeyHolder, group_id: UUID, body: GroupMembers) -> ApiResponse:
    """Adds up to 10,000 contacts, all or none. Repeating the request has no effect."""
    listed = list(dict.fromkeys(body.contact_ids))
    with church_scope(services().database, caller.church_id) as connection:
        _check_not_smart(connection, caller, group_id)
        _check_known(connection, caller, body.contact_ids)
        added = groups.add_members(connection, church_id=caller.church_id, group_id=group_id, contact_ids=listed)
        if added:
            record_change(connection, caller, "group.members_added", group_id, contacts=added)
    return ApiResponse(status=200, content=AddedMembers(added=added, existing=len(listed) - added))


@endpoint(
    "POST /api/groups/<uuid:group_id>/members/remove",
    tag="Groups",
    summary="Remove contacts from a group",
    authentication=with_key("contacts:write"),
    body=GroupMembers,
    example={"contactIds": ["0197a3f1-0c55-7be2-a6d4-58e1c9d0b7f3"]},
    responses=(ResponseSpec(status=200, description="The contacts are not in the group.", content=RemovedMembers),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def remove_group_members(*, caller: KeyHolder, group_id: UUID, body: GroupMembers) -> ApiResponse:
    """Removes up to 10,000 contacts from the group; the contacts stay. Contacts that are not in it are ignored, so
    repeating the request has no effect."""
    with church_scope(services().database, caller.church_id) as connection:
        _check_not_smart(connection, caller, group_id)
        removed = groups.remove_members(
            connection, church_id=caller.church_id, group_id=group_id, contact_ids=body.contact_ids
        )
        if removed:
            record_change(connection, caller, "group.members_removed", group_id, contacts=removed)
    return ApiResponse(status=200, content=RemovedMembers(removed=removed))


def _check_not_smart(connection: Connection[Any], caller: KeyHolder, group_id: UUID) -> None:
    groups.lock_known(connection, church_id=caller.church_id, group_ids=[group_id])
    if known_group(connection, caller, group_id).condition is not None:
        raise RequestRefused(problems.WRONG_STATE, "The members of a smart group follow from its condition.")


def _check_known(connection: Connection[Any], caller: KeyHolder, contact_ids: Sequence[UUID]) -> None:
    unknown = contacts.unknown(connection, church_id=caller.church_id, contact_ids=contact_ids)
    errors = [
        FieldError(field=f"contactIds[{index}]", message="is not a contact of this church")
        for index, contact_id in enumerate(contact_ids)
        if contact_id in unknown
    ]
    if errors:
        raise RequestRefused(problems.INVALID, "Some fields of the body have errors.", errors=errors)
