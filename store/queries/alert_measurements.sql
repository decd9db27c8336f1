-- name: measure_connections
-- pg_stat_database is complete for every role, pg_stat_activity is not. Some of the connections are reserved for superusers.
SELECT sum(numbackends)::bigint AS used,
       current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
       - current_setting('reserved_connections')::bigint AS available
FROM pg_stat_database;

-- name: measure_database_size
SELECT pg_database_size(current_database()) AS bytes;

-- name: count_long_in_doubt
-- Reads no more rows than it counts, at most `row_limit`.
SELECT count(*) AS deliveries, min(updated_at) AS since
FROM (
    SELECT updated_at
    FROM deliveries
    WHERE status = 'unknown' AND updated_at <= now() - :least_seconds * interval '1 second'
    ORDER BY updated_at
    LIMIT :row_limit
) AS in_doubt;

-- name: list_paused_senders
-- The latest.
SELECT church_id, channel, paused_at, paused_reason
FROM senders
WHERE paused_at IS NOT NULL
ORDER BY paused_at DESC
LIMIT :row_limit;

-- name: count_awaiting_receipts
-- Of the messages that were sent within the period and have not got all their receipts: how many of their deliveries were
-- accepted and have no receipt, and how many were submitted. A sample: a limited number of messages, and of the deliveries of
-- each. Only unsettled messages are read, which an index has.
SELECT count(*) FILTER (WHERE sampled.status = 'sent') AS awaiting,
       count(*) FILTER (WHERE sampled.status IN ('sent', 'undelivered', 'failed', 'delivered')) AS submitted
FROM (
    SELECT message_id
    FROM messages
    WHERE completed_at IS NOT NULL AND settled_at IS NULL
      AND completed_at <= now() - :least_seconds * interval '1 second'
      AND completed_at > now() - :most_seconds * interval '1 second'
      AND channel = ANY (:channels::text[])
    ORDER BY completed_at
    LIMIT :message_limit
) AS recent
CROSS JOIN LATERAL (
    SELECT status
    FROM deliveries
    WHERE deliveries.message_id = recent.message_id
    ORDER BY deliveries.delivery_id
    LIMIT :delivery_limit
) AS sampled;
