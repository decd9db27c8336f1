"""Incidents: when they open, and when they have recovered. Pure: the times are given.

One check that fails opens no incident, and one that passes ends none. An incident that comes again and again needs ever
more passing checks to end, so that a service that flaps causes a few notices and not hundreds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from jobs.monitoring.alert_kinds import ALERT_KINDS, AlertKind
from jobs.monitoring.findings import Check, Fact, Finding
from jobs.monitoring.notices import Notice

FLAPPING_PERIOD = timedelta(hours=1)
MOST_CHECKS_TO_RECOVER = 100
STORE_SEEN_AFTER = timedelta(seconds=30)
"""How often an incident that goes on is stored, with its latest facts."""

Key = tuple[str, str]
"""Kind and subject."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """Something that is wrong, from when it was found until it was gone."""

    incident_id: UUID
    kind: AlertKind
    subject: str
    opened_at: datetime
    last_seen_at: datetime
    recovered_at: datetime | None = None
    summary: str
    facts: Mapping[str, Fact]
    checks_to_recover: int
    notices: tuple[Notice, ...] = ()
    version: int = 1

    @property
    def key(self) -> Key:
        return self.kind.name, self.subject

    @property
    def told_at(self) -> datetime | None:
        """When the first notice of it arrived somewhere."""
        return min((notice.told_at for notice in self.notices if notice.told_at), default=None)


@dataclass(kw_only=True)
class IncidentBook:
    """The incidents that a watcher knows: the open ones, and those that recovered within an hour."""

    incidents: dict[UUID, Incident] = field(default_factory=dict[UUID, Incident])
    changed: set[UUID] = field(default_factory=set[UUID])
    """Those that differ from what is stored."""
    _failing: dict[Key, int] = field(default_factory=dict[Key, int])
    """How many checks in a row found something that is no incident yet."""
    _passing: dict[Key, int] = field(default_factory=dict[Key, int])
    """How many checks in a row found an open incident gone."""

    @property
    def has_suspicion(self) -> bool:
        """Whether something was found that is no incident yet."""
        return bool(self._failing)

    def open_incidents(self) -> dict[Key, Incident]:
        return {incident.key: incident for incident in self.incidents.values() if incident.recovered_at is None}

    def replace(self, incident: Incident) -> None:
        """Keep the incident in place of its earlier version."""
        self.incidents[incident.incident_id] = incident
        self.changed.add(incident.incident_id)

    def merge_stored(self, stored: Iterable[Incident]) -> None:
        """Take over what is stored, except incidents of which this watcher has changes that are not stored yet."""
        for incident in stored:
            if incident.incident_id not in self.changed:
                self.incidents[incident.incident_id] = incident

    def forget_streaks(self) -> None:
        """Begin to count again: another watcher checks meanwhile."""
        self._failing.clear()
        self._passing.clear()

    def forget(self, incident_id: UUID) -> None:
        """Drop an incident: another watcher has stored the same one, or changed it."""
        self.incidents.pop(incident_id, None)
        self.changed.discard(incident_id)

    def forget_old(self, now: datetime) -> None:
        """Drop stored incidents that recovered long ago."""
        for incident in list(self.incidents.values()):
            ended = incident.recovered_at
            if ended is not None and now - ended > FLAPPING_PERIOD and incident.incident_id not in self.changed:
                self.forget(incident.incident_id)

    def apply(self, checks: Iterable[Check], now: datetime) -> None:
        """Open, continue and end incidents by what the checks found."""
        opened = self.open_incidents()
        for check in checks:
            found = {(check.kind.name, finding.subject): finding for finding in check.findings}
            for key, finding in found.items():
                self._found(check.kind, key, finding, opened.get(key), now)
            if check.is_complete:
                self._passed(check.kind, found.keys(), opened.values(), now)

    def _found(self, kind: AlertKind, key: Key, finding: Finding, incident: Incident | None, now: datetime) -> None:
        self._passing.pop(key, None)
        if incident is not None:
            if now - incident.last_seen_at >= STORE_SEEN_AFTER:
                self.replace(replace(incident, last_seen_at=now, summary=finding.summary, facts=finding.facts))
            return
        self._failing[key] = self._failing.get(key, 0) + 1
        if self._failing[key] >= kind.checks_to_open:
            del self._failing[key]
            self.replace(
                Incident(
                    incident_id=uuid4(),
                    kind=kind,
                    subject=finding.subject,
                    opened_at=now,
                    last_seen_at=now,
                    summary=finding.summary,
                    facts=finding.facts,
                    checks_to_recover=self._checks_to_recover(kind, key, now),
                )
            )

    def _passed(self, kind: AlertKind, found: Iterable[Key], opened: Iterable[Incident], now: datetime) -> None:
        found = set(found)
        for key in [key for key in self._failing if key[0] == kind.name and key not in found]:
            del self._failing[key]
        for incident in opened:
            if incident.kind is kind and incident.key not in found:
                self._passing[incident.key] = self._passing.get(incident.key, 0) + 1
                if self._passing[incident.key] >= incident.checks_to_recover:
                    del self._passing[incident.key]
                    self.replace(replace(incident, recovered_at=now))

    def _checks_to_recover(self, kind: AlertKind, key: Key, now: datetime) -> int:
        """Twice as many for each time that the same incident recovered within the last hour."""
        times = sum(
            incident.key == key and incident.recovered_at is not None and now - incident.recovered_at < FLAPPING_PERIOD
            for incident in self.incidents.values()
        )
        return min(kind.checks_to_recover * 2**times, MOST_CHECKS_TO_RECOVER)


def kind_named(name: str) -> AlertKind:
    """Return the kind; for one of another release, a kind without a section of its own."""
    return ALERT_KINDS.get(name) or AlertKind(name=name, first_command="flask alerts")
