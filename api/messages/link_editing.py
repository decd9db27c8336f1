"""Keeps the short links of a message when the message is edited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from api.messages.composition import Composition
from api.messages.draft_edit import DraftEdit, apply_edit
from api.messages.link_shortening import shorten_draft
from messaging.links import restore
from store import links as stored_links
from store.messages import Message


def edited_with_links(
    connection: Connection[Any], *, message: Message, current: Mapping[str, Any], edit: DraftEdit
) -> tuple[Composition, Mapping[str, str]]:
    """Return the message with the edit applied and with the text to send, and its URLs by their short URL.

    `current` is as in apply_edit().
    The edit applies to the text as it was written: short URLs in it and in the edit stand for the URLs that they
    replaced. A URL that the message keeps also keeps its short URL, which somebody may have copied.
    """
    church_id = UUID(str(current["churchId"]))
    found = stored_links.of_message(connection, church_id=church_id, message_id=message.message_id)
    urls = {link.short_url: link.url for link in found if link.url is not None}
    choice = stored_links.choice_of_message(connection, church_id=church_id, message_id=message.message_id)
    written = {**current, "content": restore(message.content, urls), "shortenLinks": choice}
    edited = apply_edit(Composition, written, edit)
    edited = edited.model_copy(update={"content": restore(edited.content, urls)})
    kept = {url: short_url for short_url, url in urls.items()}
    return shorten_draft(connection, edited, kept=kept)


def store_links(
    connection: Connection[Any],
    *,
    draft: Composition,
    message_id: UUID,
    links: Mapping[str, str],
    send_at: datetime | None,
) -> None:
    """Store the links of the edited message. Those that are not in its text any more stop working."""
    church_id = draft.church_id
    stored_links.set_of_message(connection, church_id=church_id, message_id=message_id, urls=links, send_at=send_at)
    stored_links.set_choice(connection, church_id=church_id, message_id=message_id, shorten_links=draft.shorten_links)
