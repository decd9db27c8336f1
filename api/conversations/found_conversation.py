"""Finds the conversation that a path names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import RequestRefused
from store import conversations


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundConversation:
    """A number with which the church exchanges texts, or may begin to."""

    address: str
    conversation_id: UUID | None
    """None: neither has written to the other alone yet."""
    contact_id: UUID | None
    """The contact by whose id it was found."""


def find_conversation(connection: Connection[Any], church_id: UUID, any_id: UUID) -> FoundConversation:
    """Return the conversation with this id, or that with the contact of this id. Raises RequestRefused (404, 409)."""
    found = conversations.find(connection, church_id=church_id, any_id=any_id)
    if found is None:
        raise RequestRefused(problems.NOT_FOUND, "There is no such conversation or contact.")
    if not found.address:
        raise RequestRefused(problems.WRONG_STATE, "The contact has no phone number.")
    return FoundConversation(address=found.address, conversation_id=found.conversation_id, contact_id=found.contact_id)
