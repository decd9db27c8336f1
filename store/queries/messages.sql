-- name: insert_message
-- Returns no row when the church has used the idempotency key before, is suspended, or has no sender on the channel. Reserves
-- the segments of a new message in its month and on its day, as `reserve` does: fits_month and fits_day are true when there are
-- none to reserve. Adds the entry of the audit, which so costs no round trip (decision 25). Counts a new message for /metrics.
WITH inserted AS (
    INSERT INTO messages (
        church_id, channel, content, details, segments, target_type, target, idempotency_key, request_hash, request_id,
        send_at, urgent_reason, schedule_id, shorten_links, counted_on, counted_segments, merge_fields
    )
    SELECT church_id, channel, :content, :details, :segments, :target_type, :target, :idempotency_key, :request_hash,
           :request_id, coalesce(:send_at, now()), :urgent_reason, :schedule_id, :shorten_links, :counted_on,
           :counted_segments, :merge_fields
    FROM senders
    WHERE church_id = :church_id AND channel = :channel AND NOT church_suspended
    ON CONFLICT (church_id, idempotency_key) DO NOTHING
    RETURNING message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
              expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason, redacted_at,
              prune_began_at
), month AS (
    INSERT INTO monthly_segments (church_id, month, segments)
    SELECT :church_id, date_trunc('month', :counted_on::date)::date, :counted_segments::bigint
    FROM inserted
    WHERE :counted_on::date IS NOT NULL
      AND (:monthly_quota::bigint IS NULL OR :counted_segments::bigint <= :monthly_quota::bigint)
    ON CONFLICT (church_id, month) DO UPDATE SET segments = monthly_segments.segments + excluded.segments
    WHERE :monthly_quota::bigint IS NULL OR monthly_segments.segments + excluded.segments <= :monthly_quota::bigint
    RETURNING segments
), day AS (
    INSERT INTO daily_segments (church_id, day, segments)
    SELECT :church_id, :counted_on, :counted_segments::bigint
    FROM month
    WHERE :counted_segments::bigint <= :daily_limit::bigint
    ON CONFLICT (church_id, day) DO UPDATE SET segments = daily_segments.segments + excluded.segments
    WHERE daily_segments.segments + excluded.segments <= :daily_limit::bigint
    RETURNING segments
), audited AS (
    INSERT INTO audit_events (church_id, actor_kind, actor, action, subject, details)
    SELECT :church_id, :actor_kind, :actor, 'message.accepted', message_id::text,
           jsonb_build_object('channel', channel, 'targetType', target_type)
    FROM inserted
    WHERE :actor::text IS NOT NULL
), counted AS (
    INSERT INTO metric_changes (name, labels, value)
    SELECT 'koinonia_messages_accepted_total',
           jsonb_build_object('channel', channel, 'source', CASE WHEN schedule_id IS NULL THEN 'api' ELSE 'schedule' END),
           1
    FROM inserted
)
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason, redacted_at,
       prune_began_at,
       :counted_on::date IS NULL OR EXISTS (SELECT FROM month) AS fits_month,
       :counted_on::date IS NULL OR EXISTS (SELECT FROM day) AS fits_day
FROM inserted;

-- name: find_by_idempotency_key
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason, redacted_at,
       prune_began_at
FROM messages
WHERE church_id = :church_id AND idempotency_key = :idempotency_key;

-- name: get_message
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason, redacted_at,
       prune_began_at
FROM messages
WHERE church_id = :church_id AND message_id = :message_id;

-- name: page_messages
-- Broadcasts only: single texts are in conversations. Newest first, of these statuses (derived as in Message.status, store/messages.py) or of all. `before` always bounds the
-- index scan, also in a generic plan.
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason, redacted_at,
       prune_began_at
FROM messages
WHERE church_id = :church_id
  AND kind = 'broadcast'
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
-- One statement, and so one snapshot: the counts always add up to the audience. Those of a message whose deliveries are no
-- longer kept are in its totals.
SELECT status, sum(deliveries)::bigint AS deliveries
FROM (
    SELECT deliveries.status, count(*) AS deliveries
    FROM deliveries
    WHERE deliveries.message_id = :message_id
      AND NOT EXISTS (SELECT FROM messages WHERE message_id = :message_id AND prune_began_at IS NOT NULL)
    GROUP BY deliveries.status
    UNION ALL
    SELECT message_totals.status, message_totals.deliveries
    FROM messages
    JOIN message_totals ON message_totals.message_id = messages.message_id
    WHERE messages.message_id = :message_id AND messages.prune_began_at IS NOT NULL
) AS counted
GROUP BY status;
