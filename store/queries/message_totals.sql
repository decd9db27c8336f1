-- name: try_lock
-- One roll-up at a time: a second one would count the same messages. Ends with the transaction.
SELECT pg_try_advisory_xact_lock(6051914);

-- name: take_recount_requests!
-- Makes the messages due that were changed after they were settled. The requests are read in one snapshot and deleted by id: those
-- that are added meanwhile stay.
WITH taken AS (
    DELETE FROM recount_requests
    WHERE recount_request_id IN (SELECT recount_request_id FROM recount_requests ORDER BY 1 LIMIT :row_limit)
    RETURNING message_id
)
UPDATE messages
SET total_due_at = now(), totaled_at = NULL
WHERE message_id IN (
    SELECT messages.message_id
    FROM messages
    WHERE message_id IN (SELECT message_id FROM taken)
    ORDER BY messages.message_id
    FOR UPDATE
);

-- name: count_due_messages
-- Counts the deliveries of the messages that are due the longest, and replaces their totals. Idempotent, and it locks nothing
-- while it counts. A message is written only if its due time is still the one that was read: whatever changed it meanwhile has
-- set another, and it is counted again.
-- Final are the counts of a message that was settled `settled_seconds` ago. A transaction that began to change a delivery before
-- the message was settled has ended by then; one that began later has left a recount request.
-- Until then a message is counted again after `least_seconds` or a part of its age, whichever is longer.
-- Expansion writes all deliveries of a message at once. So if fewer are found than were counted before, deliveries were deleted,
-- and the totals stay as they are.
-- LATERAL and OFFSET 0 make this one index range for each message.
WITH due AS MATERIALIZED (
    SELECT message_id, church_id, channel, send_at, segments, expanded_at, settled_at, resumed_at, total_due_at,
           coalesce(settled_at <= now() - :settled_seconds * interval '1 second', false) AS is_final
    FROM messages
    WHERE total_due_at >= CASE WHEN :is_backlog::boolean THEN 'infinity' ELSE '-infinity' END::timestamptz
      AND total_due_at <= CASE WHEN :is_backlog::boolean THEN 'infinity' ELSE now() END::timestamptz
    ORDER BY total_due_at
    LIMIT :row_limit
), raw_counts AS MATERIALIZED (
    SELECT due.message_id, of_message.status, of_message.reason, of_message.error_code, of_message.bucket,
           of_message.deliveries, of_message.more_segments
    FROM due
    CROSS JOIN LATERAL (
        SELECT deliveries.status, deliveries.reason, deliveries.error_code,
               CASE WHEN deliveries.status = 'delivered' THEN least(
                   :last_bucket::double precision,
                   ceil(ln(greatest(1, date_part('epoch', deliveries.updated_at - greatest(
                       due.send_at, deliveries.age_from,
                       CASE WHEN due.resumed_at < deliveries.updated_at THEN due.resumed_at END
                   )))) / ln(:bucket_growth::double precision))
               ) END::smallint AS bucket,
               count(*) AS deliveries,
               -- Of texts with merge fields; NULL for the others, whose segments are those of the message.
               sum(deliveries.segments - due.segments) AS more_segments
        FROM deliveries
        WHERE deliveries.message_id = due.message_id
        GROUP BY 1, 2, 3, 4
        OFFSET 0
    ) AS of_message
), counted_times AS (
    SELECT message_id, status,
           CASE
               WHEN status = 'suppressed' THEN CASE
                   WHEN reason = ANY (:suppression_reasons::text[]) THEN reason
                   WHEN reason IS NULL THEN ''
                   ELSE 'other'
               END
               WHEN status IN ('failed', 'undelivered') THEN CASE
                   WHEN reason = ANY (:failure_reasons::text[]) THEN reason
                   WHEN error_code ~ '^[0-9A-Za-z._-]{1,32}$' THEN error_code
                   WHEN coalesce(error_code, reason) IS NULL THEN ''
                   ELSE 'other'
               END
               ELSE ''
           END AS reason,
           bucket, sum(deliveries) AS deliveries, sum(more_segments) AS more_segments
    FROM raw_counts
    GROUP BY 1, 2, 3, 4
), counted AS MATERIALIZED (
    SELECT message_id, status, reason, sum(deliveries)::bigint AS deliveries,
           coalesce(sum(more_segments), 0)::bigint AS more_segments,
           coalesce(array_agg(bucket ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{}') AS time_buckets,
           coalesce(array_agg(deliveries::integer ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{}') AS time_counts
    FROM counted_times
    GROUP BY message_id, status, reason
), unchanged AS MATERIALIZED (
    -- Skips messages that are locked, and so waits for nobody: they stay due.
    SELECT messages.message_id
    FROM messages
    JOIN due USING (message_id)
    WHERE messages.total_due_at = due.total_due_at
    FOR UPDATE OF messages SKIP LOCKED
), finished AS MATERIALIZED (
    UPDATE messages
    SET totaled_at = CASE WHEN due.is_final THEN now() END,
        total_due_at = CASE
            WHEN due.is_final THEN NULL
            WHEN due.settled_at IS NOT NULL THEN due.settled_at + :settled_seconds * interval '1 second'
            WHEN due.expanded_at IS NULL AND due.send_at > now() THEN due.send_at
            ELSE now() + greatest(
                :least_seconds * interval '1 second', (now() - due.send_at) * :part_of_age::double precision
            )
        END
    FROM due
    JOIN unchanged USING (message_id)
    WHERE messages.message_id = due.message_id
    RETURNING messages.message_id
), replaced AS MATERIALIZED (
    SELECT finished.message_id
    FROM finished
    WHERE coalesce((SELECT sum(deliveries) FROM counted WHERE counted.message_id = finished.message_id), 0) >= coalesce(
        (SELECT sum(deliveries) FROM message_totals WHERE message_totals.message_id = finished.message_id), 0
    )
), vanished AS (
    DELETE FROM message_totals
    USING replaced
    WHERE message_totals.message_id = replaced.message_id
      AND NOT EXISTS (
          SELECT FROM counted
          WHERE counted.message_id = message_totals.message_id AND counted.status = message_totals.status
            AND counted.reason = message_totals.reason
      )
), stored AS (
    INSERT INTO message_totals (
        message_id, church_id, channel, send_at, status, reason, deliveries, segments, time_buckets, time_counts
    )
    SELECT due.message_id, due.church_id, due.channel, due.send_at, counted.status, counted.reason, counted.deliveries,
           counted.deliveries * due.segments + counted.more_segments, counted.time_buckets, counted.time_counts
    FROM replaced
    JOIN due USING (message_id)
    JOIN counted USING (message_id)
    ON CONFLICT (message_id, status, reason) DO UPDATE
    SET deliveries = excluded.deliveries, segments = excluded.segments, time_buckets = excluded.time_buckets,
        time_counts = excluded.time_counts, counted_at = excluded.counted_at
)
SELECT count(*) FROM due;
