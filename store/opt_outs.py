"""Opt-outs by church and address, with a history of every change.

An opt-out applies to everything that a church sends to an address. One that the carrier reports when it refuses a text
applies to one sender of the church, as the carrier keeps it: another number of the church may still reach the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.submissions import Sender
from store import sql
from store.audit import Actor

# The sources of opt-outs and opt-ins: how it was said.
COMMAND = "command"
"""An operator, with a command."""
API = "api"
"""A program of the church, with its key."""
IMPORT = "import"
"""A row of a file that the church imported."""
KEYWORD = "keyword"
"""The person, in a text such as STOP."""
CARRIER = "carrier"
"""The carrier refuses texts to the person, who sent STOP there."""
UNSUBSCRIBE_LINK = "unsubscribe link"
"""The person, with the link in a mail."""
BOUNCE = "bounce"
"""A mail bounced."""
UNDO_DAYS = 7
"""For how many days the link can undo the opt-out. Afterwards only an operator can lift it, at the church's request."""

_SQL = sql.load("opt_outs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """The recipient of a delivery, and the church that sent it."""

    church_id: UUID
    church_name: str
    address: str
    opted_out: bool
    """By a person; a bounce does not count."""
    can_undo: bool
    """Opted out through the link in a mail, at most UNDO_DAYS ago."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """An address to which a church sends nothing, or nothing from one of its senders."""

    address: str
    source: str
    """One of the sources above."""
    opted_out_at: datetime
    sender: str | None = None
    """The number or messaging service to which alone it applies. None: to everything that the church sends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEvent:
    """One entry of the history: who opted out or in, when and how, and who recorded it."""

    address: str
    event: str
    """`opt_out` or `opt_in`."""
    source: str
    """One of the sources above."""
    evidence: str | None
    """The keyword that was written, what an operator noted, or the file and row of an import."""
    happened_at: datetime
    channel: str | None = None
    """The channel on which it was received, if any."""
    actor_kind: str | None = None
    """Who recorded it, as in store/audit.py. None: nobody but the person or the carrier."""
    actor: str | None = None
    actor_label: str | None = None
    """The label of the key, as it is now. None for other actors."""
    inbound_message_id: UUID | None = None
    """The message in which the person wrote the keyword."""
    sender: str | None = None
    """As in OptOut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderRefusal:
    """The carrier refused to send to the address from this sender, because the person sent STOP there."""

    church_id: UUID
    address: str
    sender: Sender


def recipient_of(
    connection: Connection[Any], delivery_id: UUID, *, church_id: UUID | None = None, address: str | None = None
) -> Recipient | None:
    """Returns the recipient of the delivery; None if there is none.

    `church_id` and `address` say who it is if the delivery or its address is no longer kept.
    """
    names = {
        "delivery_id": delivery_id,
        "church_id": church_id,
        "address": address,
        "undoable_source": UNSUBSCRIBE_LINK,
        "undo_days": UNDO_DAYS,
    }
    with connection.cursor(row_factory=class_row(Recipient)) as cursor:
        return cursor.execute(_SQL["recipient_of"], names).fetchone()


def opt_out(
    connection: Connection[Any],
    *,
    church_id: UUID,
    address: str,
    source: str,
    evidence: str | None = None,
    channel: str | None = None,
    actor: Actor | None = None,
) -> bool:
    """Record that the church may send nothing to the address. Returns False if that was recorded before.

    `source` is one of the constants above, `channel` where it was said, `actor` who recorded it: None if it was the
    person or the carrier.
    """
    new = opt_out_of_churches(
        connection,
        church_ids=[church_id],
        address=address,
        source=source,
        evidence=evidence,
        channel=channel,
        actor=actor,
    )
    return bool(new)


def opt_out_of_churches(
    connection: Connection[Any],
    *,
    church_ids: Sequence[UUID],
    address: str,
    source: str,
    evidence: str | None = None,
    channel: str | None = None,
    actor: Actor | None = None,
    inbound_message_id: UUID | None = None,
) -> list[UUID]:
    """Record the same of several churches, such as those that share a number. Returns those for which it is new."""
    names = {
        "church_ids": list(church_ids),
        "address": address,
        "source": source,
        "evidence": evidence,
        "channel": channel,
        "inbound_message_id": inbound_message_id,
        **_actor(actor),
    }
    return [row[0] for row in connection.execute(_SQL["opt_out"], names)]


def opt_out_addresses(
    connection: Connection[Any],
    *,
    church_id: UUID,
    stated: Sequence[tuple[str, str]],
    source: str,
    actor: Actor | None,
) -> None:
    """Record the same of many addresses of a church: pairs of an address and its evidence."""
    names = {
        "church_id": church_id,
        "addresses": [address for address, _ in stated],
        "evidences": [evidence for _, evidence in stated],
        "source": source,
        **_actor(actor),
    }
    connection.execute(_SQL["opt_out_addresses"], names)


def opt_out_of_senders(connection: Connection[Any], refusals: Sequence[SenderRefusal], *, channel: str) -> None:
    """Record that the carrier refuses these recipients for these senders. What is recorded already stays."""
    names = {
        "church_ids": [each.church_id for each in refusals],
        "addresses": [each.address for each in refusals],
        "senders": [each.sender.messaging_service_sid or each.sender.address for each in refusals],
        "source": CARRIER,
        "channel": channel,
    }
    connection.execute(_SQL["opt_out_of_senders"], names)


def opt_out_of_senders_of_deliveries(connection: Connection[Any], delivery_ids: Sequence[UUID]) -> None:
    """Record the same for the recipients of these deliveries, which the carrier accepted before it refused them."""
    names = {"delivery_ids": list(delivery_ids), "source": CARRIER}
    connection.execute(_SQL["opt_out_of_senders_of_deliveries"], names)


def opt_in(
    connection: Connection[Any],
    *,
    church_id: UUID,
    address: str,
    source: str,
    evidence: str,
    channel: str | None = None,
    actor: Actor | None = None,
) -> OptOut | None:
    """Lift the opt-outs or the bounce of the address, from the next claim on.

    Returns that of the church, or else the first of its senders; None if there was none.
    """
    lifted = _lift(
        connection,
        church_ids=[church_id],
        address=address,
        source=source,
        evidence=evidence,
        channel=channel,
        actor=actor,
    )
    return lifted[0] if lifted else None


def opt_in_by_keyword(
    connection: Connection[Any],
    *,
    church_ids: Sequence[UUID],
    address: str,
    senders: Sequence[str],
    evidence: str,
    channel: str,
    inbound_message_id: UUID,
    settled_seconds: float,
) -> list[OptOut]:
    """Lift the opt-outs of the address from these churches, and from these senders of theirs. Returns them.

    Those younger than `settled_seconds` stay.
    """
    return _lift(
        connection,
        church_ids=church_ids,
        address=address,
        source=KEYWORD,
        evidence=evidence,
        channel=channel,
        inbound_message_id=inbound_message_id,
        senders=senders,
        settled_seconds=settled_seconds,
    )


def undo_unsubscribing(connection: Connection[Any], *, church_id: UUID, address: str, evidence: str) -> bool:
    """Lift an opt-out through the link that is at most UNDO_DAYS old. Returns False if there is none."""
    lifted = _lift(
        connection,
        church_ids=[church_id],
        address=address,
        source=UNSUBSCRIBE_LINK,
        evidence=evidence,
        channel="mail",
        only_source=UNSUBSCRIBE_LINK,
        since_days=UNDO_DAYS,
    )
    return bool(lifted)


def get(connection: Connection[Any], *, church_id: UUID, address: str) -> OptOut | None:
    """Returns the opt-out of the address from the whole church, or None."""
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["get_opt_out"], {"church_id": church_id, "address": address}).fetchone()


def get_holding(connection: Connection[Any], *, church_id: UUID, address: str, channel: str) -> OptOut | None:
    """Returns what keeps the church from sending to the address on the channel now, or None.

    That is the opt-out of the whole church, or else the one of its present sender.
    """
    names = {"church_id": church_id, "address": address, "channel": channel}
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["get_holding_opt_out"], names).fetchone()


def is_opted_out(
    connection: Connection[Any], *, church_ids: Sequence[UUID], address: str, senders: Sequence[str]
) -> bool:
    """Whether the person opted out of one of these churches, or of one of these senders of theirs."""
    names = {"church_ids": list(church_ids), "address": address, "senders": list(senders)}
    row = connection.execute(_SQL["is_opted_out"], names).fetchone()
    return row is not None and row[0]


def list_opt_outs(connection: Connection[Any], *, church_id: UUID, address: str | None = None) -> list[OptOut]:
    """Returns the present opt-outs, oldest first, of one address or of all. Those of single senders are included."""
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        return cursor.execute(_SQL["list_opt_outs"], {"church_id": church_id, "address": address}).fetchall()


def history(connection: Connection[Any], *, church_id: UUID, address: str | None = None) -> list[ConsentEvent]:
    """Returns every change, oldest first, of one address or of all."""
    with connection.cursor(row_factory=class_row(ConsentEvent)) as cursor:
        return cursor.execute(_SQL["list_consent_events"], {"church_id": church_id, "address": address}).fetchall()


def _lift(
    connection: Connection[Any],
    *,
    church_ids: Sequence[UUID],
    address: str,
    source: str,
    evidence: str,
    channel: str | None = None,
    actor: Actor | None = None,
    inbound_message_id: UUID | None = None,
    senders: Sequence[str] | None = None,
    only_source: str | None = None,
    since_days: float | None = None,
    settled_seconds: float = 0.0,
) -> list[OptOut]:
    names = {
        "church_ids": list(church_ids),
        "address": address,
        "source": source,
        "evidence": evidence,
        "channel": channel,
        "inbound_message_id": inbound_message_id,
        "senders": None if senders is None else list(senders),
        "only_source": only_source,
        "since_days": since_days,
        "settled_seconds": settled_seconds,
        **_actor(actor),
    }
    rows = connection.execute(_SQL["opt_in"], names).fetchall()
    return [
        OptOut(address=address, source=lifted_source, opted_out_at=opted_out_at, sender=sender)
        for _, address, lifted_source, opted_out_at, sender in rows
    ]


def _actor(actor: Actor | None) -> dict[str, str | None]:
    return {"actor_kind": actor.kind if actor else None, "actor": actor.name if actor else None}
