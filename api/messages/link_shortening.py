"""Shortens the links in the text of a message, as the request or the church wants it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.messages.draft_edit import AnyDraft
from api.problems import FieldError, RequestRefused
from api.services import services
from channels.registry import CHANNELS, link_rules
from messaging.links import ShortenedText, ShortLinks
from store import links

_NONE: Mapping[str, str] = MappingProxyType({})


def shorten_text(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    content: str,
    wanted: bool | None,
    kept: Mapping[str, str] = _NONE,
    code: str | None = None,
) -> ShortenedText:
    """Return the text to send: with short URLs if its links are to be shortened.

    `wanted` None: as the church does by default. `kept` and `code` are as in ShortLinks. Raises RequestRefused (422) if
    the text becomes too long: a URL may be shorter than the short one.
    """
    short_links = _short_links(connection, church_id=church_id, channel=channel, content=content, wanted=wanted)
    if short_links is None:
        return ShortenedText(text=content)
    shortened = short_links.shorten(content, kept=kept, code=code)
    if shortened.urls and (error := CHANNELS[channel].check_content(shortened.text)):
        errors = [FieldError(field="content", message=f"{error}, with its short links")]
        raise RequestRefused(problems.INVALID, "The message cannot be sent with these fields.", errors=errors)
    return shortened


def shorten_draft(
    connection: Connection[Any], draft: AnyDraft, *, kept: Mapping[str, str] = _NONE, code: str | None = None
) -> tuple[AnyDraft, Mapping[str, str]]:
    """Return the draft with the text to send, and the URLs by their short URL, as shorten_text() does."""
    shortened = shorten_text(
        connection,
        church_id=draft.church_id,
        channel=draft.channel,
        content=draft.content,
        wanted=draft.shorten_links,
        kept=kept,
        code=code,
    )
    return draft.model_copy(update={"content": shortened.text}), shortened.urls


def _short_links(
    connection: Connection[Any], *, church_id: UUID, channel: str, content: str, wanted: bool | None
) -> ShortLinks | None:
    """Return how links are shortened; None if they are not. Asks the database only about a text that has any."""
    if not CHANNELS[channel].shortens_links or wanted is False or "://" not in content:
        return None
    settings = links.settings_of(connection, church_id)
    if settings is None or not (settings.shortens_links if wanted is None else wanted):
        return None
    return link_rules(services().settings).service.of_church(settings.link_domain)
