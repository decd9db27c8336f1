"""Reads the story of a message: its events, the counts of its deliveries, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from api.commands.message.events import StoryEvent, describe_attempts, message_events
from api.messages.sending_checks import unavailable
from api.messages.wait_reasons import wait_of
from channels.registry import CHANNELS
from store import api_keys, audit, message_progress, message_story, messages
from store.audit import AuditEvent
from store.message_story import DeliveryGroup
from store.messages import Message

_MOST_AUDITED = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupStory:
    """Deliveries of which the same became, with the carrier's code in words."""

    group: DeliveryGroup
    meaning: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageStory:
    message: Message
    church_id: UUID
    church_name: str
    events: list[StoryEvent]
    groups: list[GroupStory]
    attempts: list[str]
    waits_for: str | None
    """In words; None if it is being sent or nothing is left to send."""


def read_story(connection: Connection[Any], message_id: UUID) -> MessageStory | None:
    """Return the story, or None if there is no such message."""
    found = message_story.find_message(connection, message_id)
    if found is None:
        return None
    message = messages.get(connection, church_id=found.church_id, message_id=message_id)
    progress = message_progress.get(connection, church_id=found.church_id, message_id=message_id)
    assert message is not None and progress is not None  # noqa: S101 - messages are never deleted
    audited = audit.list_events(connection, limit=_MOST_AUDITED, church_id=found.church_id, subject=str(message_id))
    groups = message_story.count_groups(connection, message_id)
    wait = wait_of(message, progress, unavailable=unavailable(message.channel))
    return MessageStory(
        message=message,
        church_id=found.church_id,
        church_name=found.church_name,
        events=message_events(
            message,
            found,
            creator=_creator(connection, message, audited),
            audited=audited,
            groups=groups,
            receipts=message_story.count_receipts(connection, message_id),
        ),
        groups=[GroupStory(group=each, meaning=explain(message.channel, each.error_code)) for each in groups],
        attempts=describe_attempts(message_story.count_attempts(connection, message_id)),
        waits_for=None if wait is None else f"{wait.detail} [{wait.reason}]",
    )


def explain(channel: str, code: str | None) -> str | None:
    """Return what an error code of the channel's carrier means, or None."""
    return None if code is None or channel not in CHANNELS else CHANNELS[channel].explain_code(code)


def _creator(connection: Connection[Any], message: Message, audited: list[AuditEvent]) -> str:
    """Return who created the message, as far as it is known."""
    if message.schedule_id is not None:
        return f"by schedule {message.schedule_id}"
    for event in audited:
        if event.action == "message.accepted" and event.actor_kind == "key":
            return f"by {_key(connection, event.actor)}"
    return "over the API"


def _key(connection: Connection[Any], key_id: str) -> str:
    key = api_keys.get(connection, UUID(key_id))
    if key is None:
        return f"key {key_id}"
    return f"key {key.label!r}" + ("" if key.hint is None else f" (…{key.hint})")
