-- name: insert_message
-- Nothing comes back when the church has used the idempotency key before, or has no sender on the channel.
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
          expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason;

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
-- Newest first, of some statuses (as store/messages.py reads them off a row) or of all. The end is always a bound of the
-- index, also in a plan made before `before` is known.
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
-- One snapshot, so that the parts add up to the whole at every moment.
SELECT status, count(*) AS deliveries
FROM deliveries
WHERE message_id = :message_id
GROUP BY status;
