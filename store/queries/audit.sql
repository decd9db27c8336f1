-- name: record!
INSERT INTO audit_events (church_id, actor_kind, actor, action, subject, details)
VALUES (:church_id, :actor_kind, :actor, :action, :subject, :details);

-- name: list_events
-- The newest first. Ids are in the order of time, so they are also the cursor.
SELECT audit_event_id, happened_at, church_id, actor_kind, actor, action, subject, details
FROM audit_events
WHERE audit_event_id < :before
  AND (:church_id::uuid IS NULL OR church_id = :church_id::uuid)
  AND (:subject::text IS NULL OR subject = :subject::text)
ORDER BY audit_event_id DESC
LIMIT :limit;
