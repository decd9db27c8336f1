-- name: oldest_deliveries
-- The age of the oldest delivery of each channel, by status; no row without one. Every part is one index probe for each
-- channel, or for each sender, so that the cost does not grow with the deliveries.
--   * queued: due, of senders without a pace that may send now. For a sender with a pace waiting is normal: see late_claims.
--     A direct text is due a hundred years ago, to be claimed first (direct_texts.sql); its age counts from age_from.
--   * sending: reads all of them, which are no more than the workers have in flight. Every one has a lease: the condition tells
--     the planner that they are few, because behind row security it may not look at how often a status occurs.
--   * sent: the oldest message that was submitted completely and still waits for a receipt.
SELECT found.channel, found.status, greatest(0, extract(epoch FROM now() - found.since))::double precision AS age_seconds
FROM (
    SELECT senders.channel, 'queued' AS status, min(oldest.since) AS since
    FROM senders
    CROSS JOIN LATERAL (
        SELECT greatest(deliveries.due_at, deliveries.age_from) AS since
        FROM deliveries
        WHERE deliveries.church_id = senders.church_id AND deliveries.channel = senders.channel
          AND deliveries.status = 'queued' AND deliveries.due_at <= now()
        ORDER BY deliveries.due_at
        LIMIT 1
    ) AS oldest
    WHERE senders.segments_per_second IS NULL AND senders.paused_at IS NULL AND senders.slowed_until <= now()
    GROUP BY senders.channel
    UNION ALL
    SELECT channel, 'sending', min(updated_at)
    FROM deliveries
    WHERE status = 'sending' AND lease_until < 'infinity'
    GROUP BY channel
    UNION ALL
    SELECT channels.channel, 'unknown', oldest.updated_at
    FROM unnest(:channels::text[]) AS channels (channel)
    CROSS JOIN LATERAL (
        SELECT updated_at
        FROM deliveries
        WHERE deliveries.status = 'unknown' AND deliveries.channel = channels.channel
        ORDER BY updated_at
        LIMIT 1
    ) AS oldest
    UNION ALL
    SELECT channels.channel, 'sent', oldest.completed_at
    FROM unnest(:channels::text[]) AS channels (channel)
    CROSS JOIN LATERAL (
        SELECT completed_at
        FROM messages
        WHERE messages.channel = channels.channel AND messages.completed_at IS NOT NULL AND messages.settled_at IS NULL
        ORDER BY completed_at
        LIMIT 1
    ) AS oldest
) AS found;

-- name: late_claims
-- For each channel how long the paced sender that has waited longest could have sent: one index probe.
SELECT channels.channel, extract(epoch FROM now() - oldest.next_claim_at)::double precision AS late_seconds
FROM unnest(:channels::text[]) AS channels (channel)
CROSS JOIN LATERAL (
    SELECT next_claim_at
    FROM senders
    WHERE senders.channel = channels.channel AND next_claim_at <= now() AND paused_at IS NULL AND slowed_until <= now()
    ORDER BY next_claim_at
    LIMIT 1
) AS oldest;

-- name: oldest_receipt
SELECT greatest(0, extract(epoch FROM now() - received_at))::double precision AS age_seconds
FROM receipts
WHERE applied_at IS NULL
ORDER BY receipt_id
LIMIT 1;

-- name: waiting_senders
-- Two partial indexes have only these senders.
SELECT channel, 'paused' AS state, count(*) AS senders
FROM senders
WHERE paused_at IS NOT NULL
GROUP BY channel
UNION ALL
SELECT channel, 'slowed', count(*)
FROM senders
WHERE slowed_until > now() AND slowed_until > '-infinity' -- as in the index
GROUP BY channel;

-- name: server_statistics
-- Sessions of other roles count, but what they do is hidden from the role of the service. Of the connections that the server
-- allows, some are reserved for superusers.
SELECT pg_database_size(current_database()) AS bytes,
       least(
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - current_setting('reserved_connections')::int,
           (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
           (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)
       ) AS connections_max,
       (
           SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::double precision
           FROM pg_stat_activity
           WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
       ) AS oldest_transaction_seconds;

-- name: connections
SELECT CASE WHEN application_name ~ '^koinonia (web|clock|inline|watch|migrate|worker [a-z]+)$'
            THEN substr(application_name, 10) ELSE 'other' END AS program,
       coalesce(state, 'hidden') AS state,
       count(*) AS connections
FROM pg_stat_activity
WHERE backend_type = 'client backend'
GROUP BY 1, 2;
