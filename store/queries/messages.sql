-- name: insert_message
-- Returns no row when the church has used the idempotency key before, or has no sender on the channel. Reserves the segments of
-- a new message on its day, as `reserve` does: is_reserved is false when they do not fit, true when there are none to reserve.
-- Counts a new message for /metrics.
WITH inserted AS (
    INSERT INTO messages (
        church_id, channel, content, details, segments, target_type, target, idempotency_key, request_hash, request_id,
        send_at, urgent_reason, schedule_id, counted_on, counted_segments
    )
    SELECT church_id, channel, :content, :details, :segments, :target_type, :target, :idempotency_key, :request_hash,
           :request_id, coalesce(:send_at, now()), :urgent_reason, :schedule_id, :counted_on, :counted_segments
    FROM senders
    WHERE church_id = :church_id AND channel = :channel
    ON CONFLICT (church_id, idempotency_key) DO NOTHING
    RETURNING message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
              expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
), reserved AS (
    INSERT INTO daily_segments (church_id, day, segments)
    SELECT :church_id, :counted_on, :counted_segments::bigint
    FROM inserted
    WHERE :counted_on::date IS NOT NULL AND :counted_segments::bigint <= :daily_limit::bigint
    ON CONFLICT (church_id, day) DO UPDATE SET segments = daily_segments.segments + excluded.segments
    WHERE daily_segments.segments + excluded.segments <= :daily_limit::bigint
    RETURNING day
), counted AS (
    INSERT INTO metric_changes (name, labels, value)
    SELECT 'koinonia_messages_accepted_total',
           jsonb_build_object('channel', channel, 'source', CASE WHEN schedule_id IS NULL THEN 'api' ELSE 'schedule' END),
           1
    FROM inserted
)
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason,
       :counted_on::date IS NULL OR EXISTS (SELECT FROM reserved) AS is_reserved
FROM inserted;

-- name: find_by_idempotency_key
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id AND idempotency_key = :idempotency_key;

-- name: get_message
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id AND message_id = :message_id;

-- name: page_messages
-- Newest first, of these statuses (derived as in Message.status, store/messages.py) or of all. `before` always bounds the
-- index scan, also in a generic plan.
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id
  AND message_id < :before
  AND (
      :statuses::text[] IS NULL
      OR CASE
          WHEN canceled_at IS NOT NULL THEN 'canceled'
          WHEN paused_at IS NOT NULL THEN 'paused'
          WHEN completed_at IS NOT NULL THEN 'completed'
          WHEN expanded_at IS NOT NULL THEN 'sending'
          WHEN send_at > now() THEN 'scheduled'
          ELSE 'accepted'
      END = ANY (:statuses::text[])
  )
ORDER BY message_id DESC
LIMIT :row_limit;

-- name: count_deliveries
-- One statement, and so one snapshot: the counts always add up to the audience.
SELECT status, count(*) AS deliveries
FROM deliveries
WHERE message_id = :message_id
GROUP BY status;
