"""The demo church and its 1,000 contacts."""

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

# 555-0100 to 555-0199 are reserved for fiction in every area code (NANPA, 555 line numbers): nobody has them.
_AREAS = (202, 212, 213, 303, 312, 404, 415, 503, 602, 713)
_FIRST_NAMES = ("Abel", "Anna", "Boaz", "Clara", "Daniel", "Esther", "Gideon", "Hannah", "Isaac", "Julia")
_LAST_NAMES = ("Baker", "Carter", "Fisher", "Harper", "Mason", "Miller", "Parker", "Porter", "Potter", "Shepherd")


@dataclass(frozen=True, kw_only=True)
class DemoChurch:
    church_id: str
    api_key: str


def contacts() -> list[dict[str, str]]:
    """Return 1,000 people with distinct, valid numbers."""
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
    """Return the church in demo.env, or None without the file."""
    if not file.exists():
        return None
    values = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return DemoChurch(church_id=values["CHURCH_ID"], api_key=values["API_KEY"])


def create(file: Path, *, environment: Mapping[str, str]) -> DemoChurch:
    """Create a church with `flask create-church` and write demo.env. The command shows the key only once.

    Raises LocalError.
    """
    command = ("-m", "flask", "--app", "wsgi", "create-church", "--name", "Demo Church")
    options = ("--sms-from", "+15005550006", "--mail-from", "office@demo-church.example.org", "--json")
    hours = ("--texting-hours", "00:00-24:00")  # so that the demo works at night
    done = subprocess.run(
        (sys.executable, *command, *options, *hours),
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"the demo church could not be created: {_last_line(done.stderr)}")
    created = json.loads(done.stdout)
    church = DemoChurch(church_id=created["churchId"], api_key=created["apiKey"])
    write_private(file, f"CHURCH_ID={church.church_id}\nAPI_KEY={church.api_key}\n")
    return church


def is_known(church: DemoChurch, *, base_url: str) -> bool:
    """Return whether the database has this church. DATABASE_URL may have changed since it was created."""
    try:
        ApiClient(base_url=base_url, key=church.api_key).get("/api/contacts?limit=1")
    except Refused as error:
        if error.status in (401, 403):
            return False
        raise
    return True


def _last_line(text: str) -> str:
    """Return the last line of a command's output: the error, after its log lines."""
    return ["", *text.strip().splitlines()][-1]
