"""The demo church and its 1,000 contacts: made once, over the operator's command line and the public API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.local.api_client import ApiClient, Refused
from tools.local.environment import ROOT, LocalError
from tools.local.var_dir import write_private

# 555-0100 to 555-0199 are set aside for fiction in every area (NANPA, 555 line numbers): they ring nowhere.
_AREAS = (202, 212, 213, 303, 312, 404, 415, 503, 602, 713)
_FIRST_NAMES = ("Abel", "Anna", "Boaz", "Clara", "Daniel", "Esther", "Gideon", "Hannah", "Isaac", "Julia")
_LAST_NAMES = ("Baker", "Carter", "Fisher", "Harper", "Mason", "Miller", "Parker", "Porter", "Potter", "Shepherd")


@dataclass(frozen=True, kw_only=True)
class DemoChurch:
    church_id: str
    api_key: str


def contacts() -> list[dict[str, str]]:
    """1,000 people with 1,000 valid numbers."""
    return [
        {
            "name": f"{_FIRST_NAMES[line // 10]} {_LAST_NAMES[line % 10]}",
            "phone": f"+1{area}55501{line:02d}",
            "email": f"{_FIRST_NAMES[line // 10]}.{_LAST_NAMES[line % 10]}.{area}@example.org",
        }
        for area in _AREAS
        for line in range(100)
    ]


def read(file: Path) -> DemoChurch | None:
    """The church that demo.env names; None without the file."""
    if not file.exists():
        return None
    values = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return DemoChurch(church_id=values["CHURCH_ID"], api_key=values["API_KEY"])


def found(file: Path, *, environment: Mapping[str, str]) -> DemoChurch:
    """Make a new church and write demo.env at once: its key is shown this one time.

    Raises LocalError.
    """
    command = ("-m", "flask", "--app", "wsgi", "create-church", "--name", "Demo Church")
    options = ("--sms-from", "+15005550006", "--mail-from", "office@demo-church.example.org", "--json")
    hours = ("--texting-hours", "00:00-24:00")  # whoever tries it out may do so at night
    done = subprocess.run(
        (sys.executable, *command, *options, *hours),
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"the demo church could not be made: {_last_line(done.stderr)}")
    made = json.loads(done.stdout)
    church = DemoChurch(church_id=made["churchId"], api_key=made["apiKey"])
    write_private(file, f"CHURCH_ID={church.church_id}\nAPI_KEY={church.api_key}\n")
    return church


def is_known(church: DemoChurch, *, base_url: str) -> bool:
    """Whether this database has the church: another DATABASE_URL may have been set since."""
    try:
        ApiClient(base_url=base_url, key=church.api_key).get("/api/contacts?limit=1")
    except Refused as error:
        if error.status in (401, 403):
            return False
        raise
    return True


def _last_line(text: str) -> str:
    """What a command says last: why it ended, after what it logged."""
    return ["", *text.strip().splitlines()][-1]
