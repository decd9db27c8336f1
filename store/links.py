"""The short links of messages, and how a church shortens links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql
from store.database import Database, fetch_unscoped

_SQL = sql.load("links")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkSettings:
    """How a church shortens the links in its texts."""

    link_domain: str | None
    """None: the domain of the service."""
    shortens_links: bool
    """Whether links are shortened when a request does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    short_url: str
    url: str | None
    """None: it was removed with the text of the message."""
    expires_at: datetime
    clicks: int
    first_clicked_at: datetime | None
    last_clicked_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundLink:
    """Where a code leads. `works` is False for a link that has expired or whose URL was removed."""

    url: str | None
    works: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Clicks:
    """Clicks of one link, counted by one process."""

    clicks: int
    first_at: datetime
    last_at: datetime


class CodeTaken(Exception):
    """A new code is that of another link: 28 to the power of 12 are possible. The request may be repeated."""


def find(database: Database, code: str) -> FoundLink | None:
    """Returns the link with this code, of whatever church, in one round trip; None if there is none."""
    found = fetch_unscoped(database, _SQL["find_link"], {"code": code})
    return FoundLink(url=found[0][0], works=found[0][1]) if found else None


def settings_of(connection: Connection[Any], church_id: UUID) -> LinkSettings | None:
    with connection.cursor(row_factory=class_row(LinkSettings)) as cursor:
        return cursor.execute(_SQL["get_link_settings"], {"church_id": church_id}).fetchone()


def change_settings(connection: Connection[Any], settings: LinkSettings, *, church_id: UUID) -> None:
    """Change how a church shortens links. Raises psycopg.errors.UniqueViolation if another has the domain."""
    connection.execute(
        _SQL["change_link_settings"],
        {
            "church_id": church_id,
            "link_domain": settings.link_domain,
            "shortens_links": settings.shortens_links,
        },
    )


def domains(connection: Connection[Any]) -> frozenset[str]:
    """Returns the link domains of all churches."""
    return frozenset(domain for (domain,) in connection.execute(_SQL["list_link_domains"]))


def set_of_message(
    connection: Connection[Any], *, church_id: UUID, message_id: UUID, urls: Mapping[str, str], send_at: datetime | None
) -> None:
    """Make these the links of a message: URLs by short URL, in the order of the text. Others of it are deleted.

    They live for a year from `send_at` on; None: from now on. Raises CodeTaken.
    """
    stored = connection.execute(
        _SQL["set_links"],
        {
            "church_id": church_id,
            "message_id": message_id,
            "short_urls": list(urls),
            "urls": list(urls.values()),
            "send_at": send_at,
        },
    ).rowcount
    if stored < len(urls):
        raise CodeTaken


def of_message(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> list[Link]:
    """Returns the links of a message in the order of its text."""
    names = {"church_id": church_id, "message_id": message_id}
    with connection.cursor(row_factory=class_row(Link)) as cursor:
        return cursor.execute(_SQL["list_links"], names).fetchall()


def choice_of_message(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> bool | None:
    """Returns whether the request of the message said that links are shortened; None if it did not say."""
    names = {"church_id": church_id, "message_id": message_id}
    row = connection.execute(_SQL["get_choice"], names).fetchone()
    return row[0] if row else None


def set_choice(connection: Connection[Any], *, church_id: UUID, message_id: UUID, shorten_links: bool | None) -> None:
    names = {"church_id": church_id, "message_id": message_id, "shorten_links": shorten_links}
    connection.execute(_SQL["set_choice"], names)


def add_clicks(connection: Connection[Any], clicks: Mapping[str, Clicks]) -> None:
    """Add clicks to the links with these codes. Those that are deleted meanwhile are left out."""
    connection.execute(
        _SQL["add_clicks"],
        {
            "codes": list(clicks),
            "clicks": [each.clicks for each in clicks.values()],
            "first_ats": [each.first_at for each in clicks.values()],
            "last_ats": [each.last_at for each in clicks.values()],
        },
    )


def delete_dead(connection: Connection[Any], *, limit: int) -> int:
    """Delete up to `limit` links that have expired and whose URL was removed, and return how many."""
    row = connection.execute(_SQL["delete_dead_links"], {"row_limit": limit}).fetchone()
    return row[0] if row else 0
