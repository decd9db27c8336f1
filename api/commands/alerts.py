"""`flask alerts`: lists incidents, sends a test notice, and silences alerts for some hours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import Text
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from api.services import services
from jobs.monitoring.alert_kinds import ALERT_KINDS
from jobs.monitoring.notice_text import sample_notice
from jobs.monitoring.ways import configured_ways
from store import audit, incidents, watchers
from store.incidents import ALL_KINDS, Silence, StoredIncident
from store.watchers import Watcher

_NO_WAY = (
    "Incidents are told only in the logs: set ALERT_WEBHOOK_URL, ALERT_MAIL_TO or ALERT_TEXT_TO (docs/operations.md)."
)
_KIND = click.Choice([ALL_KINDS, *ALERT_KINDS])


@click.group("alerts", invoke_without_command=True)
@click.option("--recent", type=click.IntRange(0, 1000), default=10, show_default=True, help="How many that are over.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--test", "is_test", is_flag=True, help="Send a test notice by every configured way.")
@click.pass_context
@with_appcontext
def alerts(context: click.Context, *, recent: int, as_json: bool, is_test: bool) -> None:
    """List open and recent incidents.

    docs/operations.md describes each kind and its remedy. The exit status is 0; with --test it is 1 if a way
    failed or none is configured.
    """
    if context.invoked_subcommand is not None:
        return
    if is_test:
        context.exit(0 if _send_test_notices() else 1)
    with transaction() as connection:
        listed = incidents.list_recent(connection, limit=recent)
        silences = incidents.load_silences(connection)
        watching = watchers.list_watchers(connection)
    if as_json:
        click.echo(json.dumps(_to_json(listed, silences, watching), indent=1))
        return
    _show(listed, silences, watching)


@alerts.command("silence")
@click.argument("kind", type=_KIND)
@click.option("--hours", type=click.FloatRange(min=0, max=168, min_open=True), default=4.0, show_default=True)
@click.option("--reason", type=Text(), required=True, help="Why, for others on duty.")
@with_appcontext
def silence(kind: str, hours: float, reason: str) -> None:
    """Record incidents of KIND but do not tell them, for some hours.

    KIND `all` silences everything. An incident that is still open when the silence ends is told then.
    """
    actor = command_actor()
    with transaction() as connection:
        until = incidents.silence(connection, kind=kind, hours=hours, reason=reason, created_by=actor.name)
        details = {"until": until.isoformat(), "reason": reason}
        audit.record(connection, actor=actor, action="alerts.silenced", subject=kind, details=details)
    click.echo(f"Not told until {shown_time(until)}: {kind}.")


@alerts.command("unsilence")
@click.argument("kind", type=_KIND)
@with_appcontext
def unsilence(kind: str) -> None:
    """End the silence of KIND. Incidents that are open are told now."""
    with transaction() as connection:
        ended = incidents.end_silence(connection, kind=kind)
        if ended:
            audit.record(connection, actor=command_actor(), action="alerts.unsilenced", subject=kind)
    click.echo(f"Told again: {kind}." if ended else f"There is no silence of {kind}.")


def _send_test_notices() -> bool:
    settings = services().settings
    ways = configured_ways(settings)
    if not ways:
        click.echo(_NO_WAY)
        return False
    notice = sample_notice(public_url=settings.public_url, now=datetime.now(UTC))
    errors = {name: way(notice) for name, way in ways.items()}
    for name, error in errors.items():
        click.echo(f"{name}: {'told' if error is None else error}")
    return not any(errors.values())


def _show(listed: list[StoredIncident], silences: list[Silence], watching: list[Watcher]) -> None:
    seen = [f"{each.process} on {each.host} ({each.seen_seconds_ago:.0f} s ago)" for each in watching]
    click.echo(f"Watched by: {', '.join(seen) or 'nobody: start the clock or worker.py'}")
    ways = configured_ways(services().settings)
    click.echo(f"Told by: {', '.join(ways)}" if ways else _NO_WAY)
    for each in silences:
        click.echo(f"Silent until {shown_time(each.silent_until)}: {each.kind} ({each.reason}; {each.created_by})")
    if not any(each.recovered_at is None for each in listed):
        click.echo("No incident is open.")
    if listed:
        print_table(("STATE", "KIND", "SUBJECT", "SINCE", "UNTIL", "TOLD", "WHAT"), map(_row, listed))


def _row(incident: StoredIncident) -> tuple[str, ...]:
    return (
        "open" if incident.recovered_at is None else "over",
        incident.kind,
        incident.subject,
        shown_time(incident.opened_at),
        shown_time(incident.recovered_at),
        _told(incident),
        incident.summary,
    )


def _told(incident: StoredIncident) -> str:
    """The ways by which its beginning arrived, and those that failed so far."""
    opened = [notice for notice in incident.notices if notice["phase"] == "opened"]
    states = [
        str(notice["way"]) if notice["toldAt"] else f"{notice['way']} failed ({notice['error']})"
        for notice in opened
        if notice["toldAt"] or notice["error"]
    ]
    return ", ".join(states) or "no"


def _to_json(listed: list[StoredIncident], silences: list[Silence], watching: list[Watcher]) -> Mapping[str, Any]:
    return {
        "incidents": [
            {
                "incidentId": str(each.incident_id),
                "kind": each.kind,
                "subject": each.subject,
                "summary": each.summary,
                "facts": dict(each.facts),
                "openedAt": each.opened_at.isoformat(),
                "lastSeenAt": each.last_seen_at.isoformat(),
                "toldAt": None if each.told_at is None else each.told_at.isoformat(),
                "recoveredAt": None if each.recovered_at is None else each.recovered_at.isoformat(),
                "notices": list(each.notices),
            }
            for each in listed
        ],
        "silences": [
            {
                "kind": each.kind,
                "until": each.silent_until.isoformat(),
                "reason": each.reason,
                "createdBy": each.created_by,
            }
            for each in silences
        ],
        "watchers": [
            {
                "process": each.process,
                "host": each.host,
                "seenSecondsAgo": round(each.seen_seconds_ago, 1),
                "diskUsedPercent": None if each.disk_used_percent is None else round(each.disk_used_percent, 1),
            }
            for each in watching
        ],
    }
