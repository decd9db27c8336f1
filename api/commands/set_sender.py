"""`flask set-sender`: sets the number or address from which a church sends on a channel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId, Email, MessagingService, Name, Pace, Phone
from api.commands.support.transaction import transaction
from channels.mail.headers import header_error
from channels.registry import CHANNELS
from messaging.addresses import AddressKind
from store import audit, churches, senders
from store.churches import Church

_KINDS: dict[AddressKind, click.ParamType[str]] = {AddressKind.PHONE: Phone(), AddressKind.EMAIL: Email()}


@click.command("set-sender")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--channel", type=click.Choice(list(CHANNELS)), required=True, help="The channel of the sender.")
@click.option("--from", "address", help="The phone number; for mail, the e-mail address.")
@click.option(
    "--messaging-service",
    type=MessagingService(),
    help="For sms and mms: the SID (MG…) of a messaging service instead of a number.",
)
@click.option("--name", type=Name(), help="For mail: the sender's name (default: the church's name).")
@click.option("--reply-to", type=Email(), help="For mail: the address for replies (default: the sender's address).")
@click.option("--segments-per-second", type=Pace(), help="The most segments it sends per second (default: no limit).")
@with_appcontext
def set_sender(
    church_id: UUID,
    channel: str,
    address: str | None,
    messaging_service: str | None,
    name: str | None,
    reply_to: str | None,
    segments_per_second: float | None,
) -> None:
    """Set or replace the sender of a church on a channel. A paused sender is resumed."""
    kind = CHANNELS[channel].address_kind
    if kind is AddressKind.EMAIL and messaging_service is not None:
        raise BadInput("--messaging-service is for texts.")
    if kind is not AddressKind.EMAIL and (name is not None or reply_to is not None):
        raise BadInput("--name and --reply-to are for mail.")
    if address is None and messaging_service is None:
        raise BadInput(
            "--from is missing." if kind is AddressKind.EMAIL else "--from or --messaging-service is missing."
        )
    if address is not None:
        from_option = next(each for each in set_sender.params if each.name == "address")
        address = _KINDS[kind].convert(address, from_option, None)
    with transaction() as connection:
        found = churches.get(connection, church_id)
        if found is None:
            raise BadInput(f"There is no church {church_id}.")
        details: dict[str, Any] = {"name": name or _name_of(found)} if kind is AddressKind.EMAIL else {}
        senders.save(
            connection,
            church_id=church_id,
            channel=channel,
            address=address,
            messaging_service_sid=messaging_service,
            segments_per_second=segments_per_second,
            details=details if reply_to is None else {**details, "replyTo": reply_to},
        )
        audit.record(
            connection,
            actor=command_actor(),
            action="sender.set",
            subject=channel,
            church_id=church_id,
            details={"segmentsPerSecond": segments_per_second},
        )
    click.echo(f"The church sends from {address or messaging_service} on {channel} now.")


def _name_of(church: Church) -> str:
    """Return the church's name if a mail header can contain it. Early releases did not check names."""
    if error := header_error(church.name):
        raise BadInput(f"The church's name cannot be used in mails (it {error}): set another one with --name.")
    return church.name
