"""`flask audit`: lists who changed what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.csv_lines import csv_line
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.past_time import PastTime
from api.commands.support.tables import print_table
from api.commands.support.transaction import transaction
from store import audit as store_audit
from store import sql
from store.audit import AuditEvent

_HEADINGS = ("TIME", "ACTOR", "ACTION", "SUBJECT", "CHURCH", "DETAILS")
_CSV_HEADINGS = ("id", "at", "actorKind", "actor", "actorLabel", "action", "subject", "churchId", "details")
_DEFAULT_LIMIT = 50
_EVENTS_AT_ONCE = 1000
"""The most entries that one transaction of an export reads."""


@click.command("audit")
@click.option("--church", "church_id", type=ChurchId(), help="Only changes of this church.")
@click.option(
    "--actor", help="Only changes by this key (its id), operator, command (user@host) or part of the service."
)
@click.option("--action", help="Only this action, such as message.canceled.")
@click.option("--subject", help="Only changes of this: the id of a message, key, church or job, a channel or a name.")
@click.option("--since", type=PastTime(), help="Only from this time on: 2027-01-01, 2027-01-01T09:00:00Z, or 2h ago.")
@click.option("--until", type=PastTime(), help="Only before this time.")
@click.option("--limit", type=click.IntRange(min=1), help="The most entries (default: 50; with --csv: all).")
@click.option("--before", type=click.UUID, help="Only entries before the one with this id: the next page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for example to export the entries of a year.")
@with_appcontext
def audit(*, limit: int | None, before: UUID | None, as_json: bool, as_csv: bool, **filters: Any) -> None:
    """List who changed what, newest first.

    The audit has every change by a key, an operator or a command, and what the service decided by itself, such as
    the pause of a sender. It never contains texts, passwords, keys or whole addresses.
    """
    if as_json and as_csv:
        raise BadInput("Use either --json or --csv.")
    if as_csv:
        click.echo(csv_line(_CSV_HEADINGS))
        for event in _all(filters, before=before, limit=limit):
            click.echo(csv_line(_csv_row(event)))
        return
    wanted = limit or _DEFAULT_LIMIT
    found = list(_all(filters, before=before, limit=wanted + 1))
    shown = found[:wanted]
    next_page = shown[-1].audit_event_id if len(found) > wanted else None
    if as_json:
        page = {"items": [_as_json(event) for event in shown], "next": next_page and str(next_page)}
        click.echo(json.dumps(page, ensure_ascii=False))
    elif shown:
        print_table(_HEADINGS, [_row(event) for event in shown])
        if next_page:
            click.echo(f"There are older entries: repeat the command with --before {next_page}")
    else:
        click.echo("There are no such entries.")


def _all(filters: dict[str, Any], *, before: UUID | None, limit: int | None) -> Iterator[AuditEvent]:
    """Yield the matching entries, up to `limit`. Reads them in parts, so that a long export blocks nothing."""
    left, before = limit, before or sql.LAST_ID
    while left is None or left > 0:
        at_once = _EVENTS_AT_ONCE if left is None else min(left, _EVENTS_AT_ONCE)
        with transaction() as connection:
            found = store_audit.list_events(connection, limit=at_once, before=before, **filters)
        yield from found
        if len(found) < at_once:
            return
        before = found[-1].audit_event_id
        left = None if left is None else left - len(found)


def _row(event: AuditEvent) -> tuple[str, ...]:
    actor = f"key {event.actor}" if event.actor_kind == "key" else f"{event.actor_kind} {event.actor}"
    return (
        f"{event.happened_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"{actor} ({event.actor_label})" if event.actor_label else actor,
        event.action,
        event.subject,
        str(event.church_id or "-"),
        json.dumps(dict(event.details), ensure_ascii=False) if event.details else "-",
    )


def _as_json(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": str(event.audit_event_id),
        "at": _rfc_3339(event.happened_at),
        "actorKind": event.actor_kind,
        "actor": event.actor,
        "actorLabel": event.actor_label,
        "action": event.action,
        "subject": event.subject,
        "churchId": str(event.church_id) if event.church_id else None,
        "details": dict(event.details),
    }


def _csv_row(event: AuditEvent) -> tuple[str, ...]:
    shown = {**_as_json(event), "details": json.dumps(dict(event.details), ensure_ascii=False)}
    return tuple("" if shown[name] is None else str(shown[name]) for name in _CSV_HEADINGS)


def _rfc_3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
