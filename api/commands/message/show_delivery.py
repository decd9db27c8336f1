"""`flask delivery show`: the story of one delivery."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import click
from flask.cli import with_appcontext

import logs
from api.commands.message.story import explain
from api.commands.support.json_output import as_json_option, print_json
from api.commands.support.option_types import BadInput
from api.commands.support.tables import print_table, printable, shown_second, shown_time
from api.commands.support.transaction import transaction
from store import message_story
from store.message_story import FoundDelivery, StoredReceipt
from store.timeouts import OVERVIEW


@click.command("show")
@click.argument("delivery_id", type=click.UUID)
@as_json_option
@with_appcontext
def show_delivery(delivery_id: UUID, as_json: bool) -> None:
    """Show what became of one delivery: its attempts, its receipts, and what its error code means.

    The recipient's number or address is masked. Receipts of earlier attempts are not listed.
    """
    with transaction(timeouts=OVERVIEW) as connection:
        delivery = message_story.find_delivery(connection, delivery_id)
        if delivery is None:
            raise BadInput(f"There is no delivery {delivery_id}.")
        receipts = message_story.list_receipts(connection, delivery)
    meaning = explain(delivery.channel, delivery.error_code)
    address = None if delivery.address is None else logs.mask_addresses(delivery.address)
    if as_json:
        print_json(_plain(delivery, receipts, meaning, address))
        return
    for name, value in _lines(delivery, meaning, address):
        click.echo(f"{name + ':':<11}{printable(value)}")
    if receipts:
        click.echo("\nReceipts")
        print_table(
            ("RECEIVED (UTC)", "STATUS", "ATTEMPT", "CODE", "APPLIED (UTC)"),
            [_receipt(each, delivery) for each in receipts],
        )
    else:
        click.echo("\nReceipts: none")


def _lines(delivery: FoundDelivery, meaning: str | None, address: str | None) -> Iterator[tuple[str, str]]:
    yield "Delivery", str(delivery.delivery_id)
    yield "Message", f"{delivery.message_id} ({delivery.channel})"
    yield "Church", f"{delivery.church_name} ({delivery.church_id})"
    yield "To", address or "no address"
    yield "Status", delivery.status + (f": {delivery.reason}" if delivery.reason else "")
    if delivery.error_code is not None:
        yield "Code", delivery.error_code + (f": {meaning}" if meaning else "")
    yield "Created", shown_time(delivery.expanded_at, missing="unknown")
    yield "Attempts", _attempts(delivery)
    yield "Changed", shown_second(delivery.updated_at) + " UTC"
    if delivery.lease_until is not None:
        yield "Lease", f"until {shown_second(delivery.lease_until)} UTC"
    if delivery.status == "queued":
        yield (
            "Due",
            "when its message is resumed" if delivery.due_at is None else f"{shown_second(delivery.due_at)} UTC",
        )
    if delivery.status == "unknown":
        yield (
            "Look-ups",
            f"{delivery.missed_reads} did not find it at the carrier; the next is due {shown_time(delivery.due_at)}",
        )
    yield "Carrier id", delivery.carrier_id or "none"


def _attempts(delivery: FoundDelivery) -> str:
    parts = [str(delivery.attempts)]
    if delivery.tries:
        parts.append(f"{delivery.tries} refused temporarily")
    if delivery.repeats:
        parts.append(f"{delivery.repeats} repeated because it was not found at the carrier")
    return ", ".join(parts)


def _receipt(receipt: StoredReceipt, delivery: FoundDelivery) -> tuple[str, ...]:
    meaning = explain(delivery.channel, receipt.error_code)
    code = (receipt.error_code or "") + (f" ({meaning})" if meaning else "")
    applied = "not yet" if receipt.applied_at is None else shown_second(receipt.applied_at)
    return shown_second(receipt.received_at), receipt.status, str(receipt.attempt), code, applied


def _plain(
    delivery: FoundDelivery, receipts: list[StoredReceipt], meaning: str | None, address: str | None
) -> dict[str, object]:
    return {
        "deliveryId": delivery.delivery_id,
        "messageId": delivery.message_id,
        "churchId": delivery.church_id,
        "churchName": delivery.church_name,
        "channel": delivery.channel,
        "to": address,
        "status": delivery.status,
        "reason": delivery.reason,
        "errorCode": delivery.error_code,
        "meaning": meaning,
        "attempts": delivery.attempts,
        "refusedTemporarily": delivery.tries,
        "repeats": delivery.repeats,
        "missedReads": delivery.missed_reads,
        "carrierId": delivery.carrier_id,
        "updatedAt": delivery.updated_at,
        "leaseUntil": delivery.lease_until,
        "dueAt": delivery.due_at,
        "receipts": receipts,
    }
