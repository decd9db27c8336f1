"""`flask create-church`: a church, its senders, and its first key."""

from __future__ import annotations

import json

import click
from flask.cli import with_appcontext

from api import keys
from api.commands.arguments import BadInput, Email, MessagingService, Name, Pace, Phone, Regions, TextingHours, TimeZone
from api.commands.ledger import ledger
from api.services import services
from messaging.addresses import locate_phone
from messaging.quiet_hours import Window
from store import churches, daily_limits


@click.command("create-church")
@click.option("--name", type=Name(), required=True, help="The church's name.")
@click.option("--time-zone", type=TimeZone(), default="America/New_York", show_default=True)
@click.option("--texting-hours", type=TextingHours(), default="08:00-21:00", show_default=True)
@click.option("--sms-from", type=Phone(), help="The number it sends texts and picture messages from.")
@click.option("--messaging-service", type=MessagingService(), help="The Twilio Messaging Service it sends both with.")
@click.option("--mail-from", type=Email(), help="The address it sends mail from. Its own name stands before it.")
@click.option("--segments-per-second", type=Pace(), help="Its pace (default: as fast as the carrier takes them).")
@click.option("--regions", type=Regions(), help="Whose numbers it may text, such as US,CA (default: --sms-from's).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
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
    """Create a church and print its id and its first key, which is shown this once."""
    has_sender = sms_from is not None or messaging_service is not None
    if segments_per_second is not None and not has_sender:
        raise BadInput("--segments-per-second needs --sms-from or --messaging-service.")
    key, key_hash = keys.new_key()
    with ledger() as connection:
        church_id = churches.create(connection, name=name, time_zone=time_zone, window=texting_hours)
        own_regions = regions or _regions_of(sms_from)
        if own_regions:
            daily_limits.set_regions(connection, church_id=church_id, regions=own_regions)
        for channel in ("sms", "mms") if has_sender else ():  # one number does both
            churches.set_sender(
                connection,
                church_id=church_id,
                channel=channel,
                address=sms_from,
                messaging_service_sid=messaging_service,
                segments_per_second=segments_per_second,
            )
        if mail_from is not None:
            churches.set_sender(
                connection,
                church_id=church_id,
                channel="mail",
                address=mail_from,
                messaging_service_sid=None,
                segments_per_second=None,
                details={"name": name},
            )
        churches.add_key(
            connection,
            church_id=church_id,
            label="first key",
            secret_hash=key_hash,
            scopes=list(keys.SCOPES),
            hint=keys.hint_of(key),
        )
    if as_json:
        click.echo(json.dumps({"churchId": str(church_id), "apiKey": key}))
        return
    click.echo(f"Church:  {church_id}")
    click.echo(f"API key: {key}")
    click.echo("Keep the key now: it is stored as a hash and cannot be shown again.")
    if not has_sender:
        click.echo("It has no sender for texts yet: `flask set-sender --channel sms` gives it one.")


def _regions_of(sms_from: str | None) -> tuple[str, ...]:
    """The region of a sender that is not among those of the settings; empty: the settings' suit it."""
    region = locate_phone(sms_from).region if sms_from else ""
    return () if not region or region in services().settings.default_regions else (region,)
