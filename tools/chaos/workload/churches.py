"""Creates churches with the operator's commands, and their contacts over the public API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tools.chaos.parameters import MAIL
from tools.chaos.system.system import System
from tools.chaos.workload.audiences import EXCLUDED_GROUP, GROUPS, members
from tools.chaos.workload.recipients import contacts
from tools.local.api_client import ApiClient

_CONTACTS_IN_A_REQUEST = 5_000
_THREADS = 2


@dataclass(frozen=True, kw_only=True)
class Church:
    church_id: str
    key: str
    paces: Mapping[str, float]
    """Segments a second by channel; a channel without a pace is not in it."""
    phone: str = ""
    """The number from which it sends texts and picture messages."""
    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    """The ids of its groups, by name."""


def create_churches(system: System, *, sizes: Sequence[int], paces: Sequence[Mapping[str, float]]) -> list[Church]:
    """Create a church of each size, with a sender on each channel. `paces`: segments a second, by channel.

    Raises Refused, Unreachable, NotStarted.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        futures = [
            threads.submit(_create, system, number, size, by_channel)
            for number, (size, by_channel) in enumerate(zip(sizes, paces, strict=True))
        ]
        return [future.result() for future in futures]


def _create(system: System, number: int, size: int, paces: Mapping[str, float]) -> Church:
    name, phone, mail = f"Church {number}", f"+1202555{number:04d}", f"office@church-{number}.example.org"
    hours = "00:00-24:00"  # the run may be at night
    created = json.loads(
        _flask(system, "create-church", "--json", name=name, sms_from=phone, mail_from=mail, texting_hours=hours)
    )
    church_id = created["churchId"]
    for channel, pace in paces.items():
        sender = mail if channel == MAIL else phone
        _flask(
            system,
            "set-sender",
            **{"church": church_id, "channel": channel, "from": sender, "segments_per_second": f"{pace:.1f}"},
        )
    api = ApiClient(base_url=system.api_url, key=created["apiKey"])
    return Church(
        church_id=church_id,
        key=created["apiKey"],
        paces=paces,
        phone=phone,
        groups=_create_groups(api, _create_contacts(api, size)),
    )


def _create_contacts(api: ApiClient, size: int) -> list[str]:
    """Returns their ids, by number."""
    ids: list[str] = []
    all_contacts = contacts(size)
    for start in range(0, size, _CONTACTS_IN_A_REQUEST):
        created = api.post("/api/contacts", {"contacts": all_contacts[start : start + _CONTACTS_IN_A_REQUEST]})
        ids += [result["id"] for result in created["results"]]
    return ids


def _create_groups(api: ApiClient, contact_ids: Sequence[str]) -> dict[str, str]:
    """Returns the ids of those that have members, by name."""
    groups: dict[str, str] = {}
    for name in (*GROUPS, EXCLUDED_GROUP):
        of_group = [contact_ids[number] for number in members(name, len(contact_ids))]
        if of_group:
            groups[name] = api.post("/api/groups", {"name": name})["id"]
            api.post(f"/api/groups/{groups[name]}/members", {"contactIds": of_group})
    return groups


def _flask(system: System, command: str, *flags: str, **options: str) -> str:
    """Run the operator's command and return its output; in the names of `options` an underscore is a hyphen."""
    named = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return system.run_once("flask", "--app", "wsgi", command, *flags, *named)
