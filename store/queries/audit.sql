-- name: record!
INSERT INTO audit_events (church_id, actor_kind, actor, action, subject, details)
VALUES (:church_id, :actor_kind, :actor, :action, :subject, :details);

-- The pages below differ in the index that they read, so that each reads about as many rows as it returns, however large the
-- table is. The newest entry comes first. Ids are in the order of time, so they are also the cursor; `after` and `before` bound
-- the index scan, also in a generic plan. An id is at most as much later than happened_at as its transaction was long.

-- name: page_events
SELECT audit_event_id, happened_at, church_id, actor_kind, actor, action, subject, details
FROM audit_events
WHERE audit_event_id < :before AND audit_event_id >= :after
  AND (:action::text IS NULL OR action = :action::text)
  AND (:since::timestamptz IS NULL OR happened_at >= :since::timestamptz)
  AND (:until::timestamptz IS NULL OR happened_at < :until::timestamptz)
ORDER BY audit_event_id DESC
LIMIT :row_limit;

-- name: page_events_of_church
SELECT audit_event_id, happened_at, church_id, actor_kind, actor, action, subject, details
FROM audit_events
WHERE church_id = :church_id AND audit_event_id < :before AND audit_event_id >= :after
  AND (:actor::text IS NULL OR actor = :actor::text)
  AND (:action::text IS NULL OR action = :action::text)
  AND (:since::timestamptz IS NULL OR happened_at >= :since::timestamptz)
  AND (:until::timestamptz IS NULL OR happened_at < :until::timestamptz)
ORDER BY audit_event_id DESC
LIMIT :row_limit;

-- name: page_events_of_subject
SELECT audit_event_id, happened_at, church_id, actor_kind, actor, action, subject, details
FROM audit_events
WHERE subject = :subject AND audit_event_id < :before AND audit_event_id >= :after
  AND (:church_id::uuid IS NULL OR church_id = :church_id::uuid)
  AND (:actor::text IS NULL OR actor = :actor::text)
  AND (:action::text IS NULL OR action = :action::text)
  AND (:since::timestamptz IS NULL OR happened_at >= :since::timestamptz)
  AND (:until::timestamptz IS NULL OR happened_at < :until::timestamptz)
ORDER BY audit_event_id DESC
LIMIT :row_limit;

-- name: page_events_of_actor
-- Of an operator, a command or a part of the service.
SELECT audit_event_id, happened_at, church_id, actor_kind, actor, action, subject, details
FROM audit_events
WHERE actor_kind <> 'key' AND actor = :actor AND audit_event_id < :before AND audit_event_id >= :after
  AND (:action::text IS NULL OR action = :action::text)
  AND (:since::timestamptz IS NULL OR happened_at >= :since::timestamptz)
  AND (:until::timestamptz IS NULL OR happened_at < :until::timestamptz)
ORDER BY audit_event_id DESC
LIMIT :row_limit;

-- name: find_key_labels
SELECT api_key_id::text AS actor, church_id, label
FROM api_keys
WHERE api_key_id = ANY (:api_key_ids::uuid[]);
