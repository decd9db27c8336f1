"""The churches of a run: made by the operator's commands, filled over the public API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tools.chaos.people import MAIL, contacts
from tools.chaos.system import System
from tools.local.api_client import ApiClient

_PAGE = 5_000
_AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class Church:
    church_id: str
    key: str


def create_churches(system: System, *, sizes: Sequence[int], paces: Sequence[Mapping[str, float]]) -> list[Church]:
    """A church of each size, with a sender on each channel, and by channel the segments a second it has at the most.

    Raises Refused, Unreachable, NotStarted.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        founding = [
            threads.submit(_found, system, number, size, by_channel)
            for number, (size, by_channel) in enumerate(zip(sizes, paces, strict=True))
        ]
        return [each.result() for each in founding]


def _found(system: System, number: int, size: int, paces: Mapping[str, float]) -> Church:
    name, phone, mail = f"Church {number}", f"+1202555{number:04d}", f"office@church-{number}.example.org"
    hours = "00:00-24:00"  # the run may be at night
    made = json.loads(
        _flask(system, "create-church", "--json", name=name, sms_from=phone, mail_from=mail, texting_hours=hours)
    )
    church = Church(church_id=made["churchId"], key=made["apiKey"])
    for channel, pace in paces.items():
        sender = mail if channel == MAIL else phone
        _flask(
            system,
            "set-sender",
            **{"church": church.church_id, "channel": channel, "from": sender, "segments_per_second": f"{pace:.1f}"},
        )
    api = ApiClient(base_url=system.api_url, key=church.key)
    people = contacts(size)
    for start in range(0, size, _PAGE):
        api.post("/api/contacts", {"contacts": people[start : start + _PAGE]})
    return church


def _flask(system: System, command: str, *flags: str, **options: str) -> str:
    """What the operator's command prints; in the names of `options` an underscore is a hyphen."""
    named = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return system.run_once("flask", "--app", "wsgi", command, *flags, *named)
