"""The words of a notice. Numbers and mail addresses are masked, whatever a summary contains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import logs
from jobs.monitoring.alert_kinds import RUNBOOK
from jobs.monitoring.incidents import Incident
from jobs.monitoring.notices import Phase

_TEXT_CHARACTERS = 160
"""A text message of one segment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeText:
    """What a way tells. Each way takes the length that suits it."""

    title: str
    """One line."""
    lines: tuple[str, ...]
    short: str
    """At most 160 characters."""
    fields: dict[str, Any]
    """For programs."""

    @property
    def body(self) -> str:
        return "\n".join((self.title, *self.lines))


def sample_notice(*, public_url: str, now: datetime) -> NoticeText:
    """Return the notice of `flask alerts --test`."""
    title = f"{_host(public_url)}: TEST: this is how incidents of Koinonia SMS are told"
    lines = (f"Sent {_time(now)} by `flask alerts --test`.", f"Runbook: {RUNBOOK}")
    fields: dict[str, Any] = {"state": "test", "toldAt": now.isoformat(), "runbook": RUNBOOK}
    return NoticeText(title=title, lines=lines, short=title[:_TEXT_CHARACTERS], fields=fields)


def compose(incident: Incident, phase: Phase, *, public_url: str, now: datetime) -> NoticeText:
    """Return the notice. The one of a beginning that is told after the end says both."""
    kind, ended = incident.kind, incident.recovered_at
    host = _host(public_url)
    name = f"{kind.name} ({incident.subject})" if incident.subject else kind.name
    if phase is Phase.RECOVERED and ended is not None:
        state, since = "RECOVERED", f"It lasted {_duration(ended, incident)}: since {_time(incident.opened_at)}."
    elif ended is not None:
        state = "ALERT AND RECOVERED"
        since = f"It lasted from {_time(incident.opened_at)} to {_time(ended)}. It could not be told earlier."
    else:
        state, since = "ALERT", f"Since {_time(incident.opened_at)}."
    facts = ", ".join(f"{name}: {value}" for name, value in incident.facts.items())
    summary = logs.mask_addresses(incident.summary)
    command = kind.first_command
    lines = [since, *([f"Measured: {facts}"] if facts else []), f"Runbook: {kind.section}", f"First: {command}"]
    short = f"{host}: {state} {name}: {summary}"
    tail = f". {command}; {kind.section}"
    return NoticeText(
        title=logs.mask_addresses(f"{host}: {state} {name}: {summary}"),
        lines=tuple(logs.mask_addresses(line) for line in lines),
        short=logs.mask_addresses(short)[: _TEXT_CHARACTERS - len(tail)] + tail,
        fields={
            "incidentId": str(incident.incident_id),
            "state": "open" if ended is None else "recovered",
            "kind": kind.name,
            "subject": incident.subject,
            "summary": summary,
            "openedAt": incident.opened_at.isoformat(),
            "recoveredAt": None if ended is None else ended.isoformat(),
            "toldAt": now.isoformat(),
            "facts": {key: _masked(value) for key, value in incident.facts.items()},
            "runbook": kind.section,
            "firstCommand": command,
        },
    )


def _host(public_url: str) -> str:
    return urlsplit(public_url).hostname or "this service"


def _masked(value: Any) -> Any:
    return logs.mask_addresses(value) if isinstance(value, str) else value


def _duration(ended: datetime, incident: Incident) -> str:
    seconds = round((ended - incident.opened_at).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
