"""The endpoints under /api/groups."""

from __future__ import annotations

from api.groups.creating import create_group
from api.groups.editing import change_group, delete_group
from api.groups.members import add_group_members, list_group_members, remove_group_members
from api.groups.previewing import preview_group
from api.groups.reading import get_group, list_groups

ENDPOINTS = (
    create_group,
    list_groups,
    get_group,
    preview_group,
    change_group,
    delete_group,
    list_group_members,
    add_group_members,
    remove_group_members,
)
