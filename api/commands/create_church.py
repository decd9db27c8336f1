"""`flask create-church`: creates a church with its senders and its first API key."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg import Connection

from api import keys
from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import (
    BadInput,
    Email,
    MessagingService,
    Name,
    Pace,
    Phone,
    Regions,
    TextingHours,
    TimeZone,
)
from api.commands.support.transaction import transaction
from api.services import services
from messaging.addresses import locate_phone
from messaging.quiet_hours import Window
from store import api_keys, audit, church_limits, churches, senders


@click.command("create-church")
@click.option("--name", type=Name(), required=True, help="The church's name.")
@click.option("--time-zone", type=TimeZone(), default="America/New_York", show_default=True, help="Its time zone.")
@click.option(
    "--texting-hours",
    type=TextingHours(),
    default="08:00-21:00",
    show_default=True,
    help="The hours in which it texts people.",
)
@click.option("--sms-from", type=Phone(), help="Its phone number for texts and picture messages.")
@click.option(
    "--messaging-service",
    type=MessagingService(),
    help="The SID (MG…) of a messaging service, for texts and picture messages.",
)
@click.option("--mail-from", type=Email(), help="Its e-mail address. Recipients also see its name.")
@click.option("--segments-per-second", type=Pace(), help="The most segments it sends per second (default: no limit).")
@click.option(
    "--regions",
    type=Regions(),
    help="The regions it may text, such as US,CA (default: TEXTING_REGIONS, or the region of --sms-from).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@with_appcontext
def create_church(
    name: str,
    time_zone: str,
    texting_hours: Window,
    sms_from: str | None,
    messaging_service: str | None,
    mail_from: str | None,
    segments_per_second: float | None,
    regions: tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Create a church and its first API key.

    Prints the church's id and the key. The key cannot be shown again.
    """
    has_sender = sms_from is not None or messaging_service is not None
    if segments_per_second is not None and not has_sender:
        raise BadInput("--segments-per-second needs --sms-from or --messaging-service.")
    with transaction() as connection:
        church_id = churches.create(connection, name=name, time_zone=time_zone, window=texting_hours)
        _record(connection, church_id, "church.created", str(church_id), timeZone=time_zone)
        own_regions = regions or _regions_of(sms_from)
        if own_regions:
            church_limits.set_regions(connection, church_id=church_id, regions=own_regions)
        for channel in ("sms", "mms") if has_sender else ():  # the same number sends both
            senders.save(
                connection,
                church_id=church_id,
                channel=channel,
                address=sms_from,
                messaging_service_sid=messaging_service,
                segments_per_second=segments_per_second,
            )
            _record(connection, church_id, "sender.set", channel, segmentsPerSecond=segments_per_second)
        if mail_from is not None:
            senders.save(
                connection,
                church_id=church_id,
                channel="mail",
                address=mail_from,
                messaging_service_sid=None,
                segments_per_second=None,
                details={"name": name},
            )
            _record(connection, church_id, "sender.set", "mail")
        key = _add_first_key(connection, church_id)
    if as_json:
        click.echo(json.dumps({"churchId": str(church_id), "apiKey": key}))
        return
    click.echo(f"Church:  {church_id}")
    click.echo(f"API key: {key}")
    click.echo("Save the key now. Only its hash is stored, so it cannot be shown again.")
    if not has_sender:
        click.echo("The church cannot send texts yet. Set a sender with `flask set-sender --channel sms`.")


def _add_first_key(connection: Connection[Any], church_id: UUID) -> str:
    key, key_hash = keys.new_key()
    scopes: list[str] = list(keys.SCOPES)
    key_id = api_keys.add(
        connection,
        church_id=church_id,
        label="first key",
        secret_hash=key_hash,
        scopes=scopes,
        hint=keys.hint_of(key),
    )
    _record(connection, church_id, "key.created", str(key_id), scopes=scopes)
    return key


def _record(connection: Connection[Any], church_id: UUID, action: str, subject: str, **details: Any) -> None:
    audit.record(
        connection, actor=command_actor(), action=action, subject=subject, church_id=church_id, details=details
    )


def _regions_of(sms_from: str | None) -> tuple[str, ...]:
    """Return the region of the number if TEXTING_REGIONS does not contain it, otherwise an empty tuple."""
    region = locate_phone(sms_from).region if sms_from else ""
    return () if not region or region in services().settings.default_regions else (region,)
