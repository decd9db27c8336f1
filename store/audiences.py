"""Who is in the target of a message, and why some of them get nothing.

The definition is in `queries/fragments/`: message expansion and the queries of this module contain the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from store import smart_groups, sql

_SQL = sql.load("audiences")

NO_SMART_GROUPS: Mapping[str, Sequence[Any]] = {"smart_group_ids": [], "smart_members": []}
"""The parameters of fragments/audience.sql if no target refers to a smart group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """The target of a message on a channel, which may not be stored yet."""

    church_id: UUID
    channel: str
    address_kind: AddressKind
    """Which address of a contact the channel uses."""
    target_type: str
    target: Mapping[str, Sequence[str]]
    """As in NewMessage; phone numbers with their regions."""
    default_regions: Sequence[str] | None = None
    """Which regions a church without regions of its own may text; None: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    contact_id: UUID | None
    """None: the address was listed."""
    address: str | None
    zones: str
    """The time zones of the recipient, as in messaging/number_zones.py."""
    region: str | None
    """Of a number (messaging/number_regions.py); None: not known yet."""
    reason: str | None
    """Why nothing is sent (messaging.states.SuppressionReason); None: something is."""


def count(connection: Connection[Any], audience: Audience) -> dict[str | None, int]:
    """Returns how many recipients there are for each reason why they get nothing; under None, those who are reached.

    The sum is what a message to this target has as its `audience`.
    """
    return dict(connection.execute(_SQL["count_recipients"], parameters(connection, audience)).fetchall())


def list_recipients(
    connection: Connection[Any], audience: Audience, *, limit: int, only_reached: bool = False
) -> list[Recipient]:
    """Returns the first recipients, in the order of contacts; `only_reached`: without those who get nothing."""
    names = {**parameters(connection, audience), "row_limit": limit, "only_reached": only_reached}
    with connection.cursor(row_factory=class_row(Recipient)) as cursor:
        return cursor.execute(_SQL["list_recipients"], names).fetchall()


def parameters(connection: Connection[Any], audience: Audience) -> dict[str, Any]:
    """Returns the parameters of a query that contains the fragments."""
    return {
        "church_id": audience.church_id,
        "channel": audience.channel,
        "address_kind": audience.address_kind.value,
        "target_type": audience.target_type,
        "target": Jsonb(dict(audience.target)),
        "default_regions": None if audience.default_regions is None else list(audience.default_regions),
        **smart_members(connection, church_id=audience.church_id, target=audience.target),
    }


def has_groups(target: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether a target, as in NewMessage, depends on who is in a group."""
    return "groupIds" in target or "excludeGroupIds" in target


def smart_members(
    connection: Connection[Any], *, church_id: UUID, target: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[Any]]:
    """Returns the parameters of fragments/audience.sql with the members of the smart groups of a target."""
    listed = [*target.get("groupIds", ()), *target.get("excludeGroupIds", ())]
    if not listed:
        return NO_SMART_GROUPS
    return as_parameters(
        smart_groups.members(connection, church_id=church_id, group_ids=[UUID(group_id) for group_id in listed])
    )


def as_parameters(members: Mapping[UUID, str]) -> Mapping[str, Sequence[Any]]:
    """Returns what smart_groups.members() returned as parameters of fragments/audience.sql."""
    return {"smart_group_ids": list(members), "smart_members": list(members.values())}
