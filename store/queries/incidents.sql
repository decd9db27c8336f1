-- name: load_incidents
-- All that are open, and those of the last hour: their notices may be missing still, and they show which incidents come again
-- and again.
SELECT incident_id, kind, subject, opened_at, last_seen_at, told_at, recovered_at, summary, facts, checks_to_recover, notices,
       version
FROM incidents
WHERE recovered_at IS NULL
UNION ALL
SELECT incident_id, kind, subject, opened_at, last_seen_at, told_at, recovered_at, summary, facts, checks_to_recover, notices,
       version
FROM incidents
WHERE recovered_at > now() - interval '1 hour';

-- name: insert_incident!
-- Nothing when one of the same kind and subject is open already or was open after this one began: watchers that told by themselves
-- while PostgreSQL was away record one incident. And nothing when this one was stored before (by a watcher that did not learn
-- whether its transaction was committed).
INSERT INTO incidents (
    incident_id, kind, subject, opened_at, last_seen_at, told_at, recovered_at, summary, facts, checks_to_recover, notices,
    version
)
SELECT :incident_id, :kind, :subject, :opened_at, :last_seen_at, :told_at, :recovered_at, :summary, :facts, :checks_to_recover,
       :notices, :version
WHERE NOT EXISTS (
    SELECT FROM incidents
    WHERE kind = :kind AND subject = :subject AND recovered_at > :opened_at
)
ON CONFLICT DO NOTHING;

-- name: update_incident!
-- Nothing when another watcher changed it since it was read.
UPDATE incidents
SET last_seen_at = :last_seen_at,
    told_at = :told_at,
    recovered_at = :recovered_at,
    summary = :summary,
    facts = :facts,
    checks_to_recover = :checks_to_recover,
    notices = :notices,
    version = :version
WHERE incident_id = :incident_id AND version = :version - 1;

-- name: list_incidents
-- For people: the open ones first, then the latest that have recovered.
(
    SELECT incident_id, kind, subject, opened_at, last_seen_at, told_at, recovered_at, summary, facts, checks_to_recover,
           notices, version
    FROM incidents
    WHERE recovered_at IS NULL
    ORDER BY opened_at DESC
)
UNION ALL
(
    SELECT incident_id, kind, subject, opened_at, last_seen_at, told_at, recovered_at, summary, facts, checks_to_recover,
           notices, version
    FROM incidents
    WHERE recovered_at IS NOT NULL
    ORDER BY recovered_at DESC
    LIMIT :row_limit
);

-- name: delete_recovered!
DELETE FROM incidents
WHERE incident_id IN (
    SELECT incident_id
    FROM incidents
    WHERE recovered_at < now() - :older_than_days * interval '1 day'
    ORDER BY recovered_at
    LIMIT :row_limit
);

-- name: load_silences
SELECT kind, silent_until, reason, created_by FROM alert_silences WHERE silent_until > now() ORDER BY kind;

-- name: delete_ended_silences!
DELETE FROM alert_silences WHERE silent_until <= now();

-- name: silence
INSERT INTO alert_silences (kind, silent_until, reason, created_by)
VALUES (:kind, now() + :hours * interval '1 hour', :reason, :created_by)
ON CONFLICT (kind) DO UPDATE
SET silent_until = excluded.silent_until, reason = excluded.reason, created_by = excluded.created_by
RETURNING silent_until;

-- name: end_silence!
DELETE FROM alert_silences WHERE kind = :kind;
