"""Redis while PostgreSQL is away: it decides which watcher checks, and keeps the incidents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from redis import Redis

from jobs.monitoring import notices
from jobs.monitoring.incidents import Incident, kind_named

LEASE_KEY = "koinonia:watcher"
INCIDENTS_KEY = "koinonia:incidents"
_KEEP_SECONDS = 7 * 24 * 3600

_TAKE_LEASE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class RedisFallback:
    """All methods raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, *, holder: str) -> None:
        self._redis = redis
        self._holder = holder
        self._take_lease = redis.register_script(_TAKE_LEASE)

    def take_lease(self, *, seconds: float) -> bool:
        """Take or renew the lease. Returns False while another watcher holds it."""
        return bool(self._take_lease(keys=[LEASE_KEY], args=[self._holder, round(1000 * seconds)]))

    def release_lease(self) -> None:
        """Let another watcher take the lease at once."""
        if cast("bytes | None", self._redis.get(LEASE_KEY)) == self._holder.encode():
            self._redis.delete(LEASE_KEY)

    def load(self) -> list[Incident]:
        """Return the incidents that were kept here. An entry that cannot be read is left out."""
        entries = cast(dict[bytes, bytes], self._redis.hgetall(INCIDENTS_KEY))
        return [incident for entry in entries.values() if (incident := _read(entry)) is not None]

    def keep(self, incidents: Iterable[Incident]) -> None:
        fields = {str(incident.incident_id): json.dumps(_to_json(incident)) for incident in incidents}
        if fields:
            self._redis.hset(INCIDENTS_KEY, mapping=cast(Any, fields))
            self._redis.expire(INCIDENTS_KEY, _KEEP_SECONDS)

    def remove(self, incident_ids: Iterable[UUID]) -> None:
        """Remove those that PostgreSQL has now."""
        names = [str(incident_id) for incident_id in incident_ids]
        if names:
            self._redis.hdel(INCIDENTS_KEY, *names)


def _to_json(incident: Incident) -> dict[str, Any]:
    ended = incident.recovered_at
    return {
        "incidentId": str(incident.incident_id),
        "kind": incident.kind.name,
        "subject": incident.subject,
        "openedAt": incident.opened_at.isoformat(),
        "lastSeenAt": incident.last_seen_at.isoformat(),
        "recoveredAt": None if ended is None else ended.isoformat(),
        "summary": incident.summary,
        "facts": dict(incident.facts),
        "checksToRecover": incident.checks_to_recover,
        "notices": [notices.to_json(notice) for notice in incident.notices],
        "version": incident.version,
    }


def _read(entry: bytes) -> Incident | None:
    try:
        fields: Mapping[str, Any] = json.loads(entry)
        ended = fields["recoveredAt"]
        return Incident(
            incident_id=UUID(fields["incidentId"]),
            kind=kind_named(fields["kind"]),
            subject=str(fields["subject"]),
            opened_at=datetime.fromisoformat(fields["openedAt"]),
            last_seen_at=datetime.fromisoformat(fields["lastSeenAt"]),
            recovered_at=None if ended is None else datetime.fromisoformat(ended),
            summary=str(fields["summary"]),
            facts=dict(fields["facts"]),
            checks_to_recover=int(fields["checksToRecover"]),
            notices=tuple(notices.from_json(notice) for notice in fields["notices"]),
            version=int(fields["version"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
