"""The churches of a run: made by the operator's command, filled over the public API."""

from __future__ import annotations

import json
from dataclasses import dataclass

from chaos.posts import contact_addresses
from chaos.system import System
from dev.api_client import ApiClient

_PAGE = 5_000


@dataclass(frozen=True, kw_only=True)
class Church:
    church_id: str
    key: str


def found_church(system: System, *, number: int, size: int, pace: float | None) -> Church:
    """A church of `size` contacts with a number to send from, at `pace` segments a second at the most.

    Raises Refused, Unreachable, NotStarted.
    """
    options = ("--name", f"Church {number}", "--sms-from", f"+1202555{number:04d}", "--json")
    hours = ("--texting-hours", "00:00-24:00")  # the run may be at night
    paced = () if pace is None else ("--segments-per-second", f"{pace:.1f}")
    made = json.loads(system.run_once("flask", "--app", "wsgi", "create-church", *options, *hours, *paced))
    church = Church(church_id=made["churchId"], key=made["apiKey"])
    api = ApiClient(base_url=system.api_url, key=church.key)
    people = [
        {"name": f"Person {place}", "phone": phone} for place, phone in enumerate(contact_addresses(size), start=1)
    ]
    for start in range(0, size, _PAGE):
        api.post("/api/contacts", {"contacts": people[start : start + _PAGE]})
    return church
