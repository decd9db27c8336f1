"""Builds the response model of one message with its counts, its target, and what it waits for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from api.messages import responses
from api.messages.sending_checks import unavailable
from api.messages.wait_reasons import wait_of
from messaging.states import Status
from store import message_progress, messages
from store.messages import Message


def counted_message(connection: Connection[Any], *, church_id: UUID, message: Message) -> responses.CountedMessage:
    """Return the message with its counts and what it waits for.

    The counts may be newer than `message`. A message that was read before its audience was expanded has none.
    """
    counts = dict.fromkeys(Status, 0)
    if message.expanded_at is not None:
        counts = messages.counts(connection, message.message_id)
    progress = message_progress.get(connection, church_id=church_id, message_id=message.message_id)
    assert progress is not None  # noqa: S101 - messages are never deleted
    wait = wait_of(message, progress, unavailable=unavailable(message.channel))
    return responses.counted(message, counts, progress, wait)
