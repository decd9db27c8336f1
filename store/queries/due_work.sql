-- name: count_due_deliveries
-- Due deliveries of a channel, by what they wait for. One index probe for each sender (LATERAL): deliveries that are not due,
-- such as those of paused messages, are not read. Reads at most `row_limit`. A direct text, which is due a hundred years ago to be
-- claimed first, has waited since age_from.
SELECT due.waits_for, count(*) AS deliveries, count(DISTINCT due.church_id) AS churches, min(due.since) AS oldest_since
FROM (
    SELECT sender.church_id, sender.waits_for, waiting.since
    FROM (
        SELECT church_id, channel,
               CASE
                   WHEN church_suspended THEN 'church-suspended'
                   WHEN paused_at IS NOT NULL THEN 'sender-paused'
                   WHEN slowed_until > now() THEN 'carrier-limit'
                   WHEN segments_per_second IS NOT NULL THEN 'pace'
                   ELSE 'claim'
               END AS waits_for
        FROM senders
        WHERE channel = :channel
    ) AS sender
    CROSS JOIN LATERAL (
        SELECT greatest(deliveries.due_at, deliveries.age_from) AS since
        FROM deliveries
        WHERE deliveries.church_id = sender.church_id AND deliveries.channel = sender.channel
          AND deliveries.status = 'queued' AND deliveries.due_at <= now()
        OFFSET 0
    ) AS waiting
    LIMIT :row_limit
) AS due
GROUP BY due.waits_for
ORDER BY due.waits_for;

-- name: count_due_messages
-- Messages of a channel that are due and not expanded yet.
SELECT count(*) AS messages, min(send_at) AS oldest_since
FROM (
    SELECT send_at
    FROM messages
    WHERE channel = :channel AND expanded_at IS NULL AND canceled_at IS NULL AND send_at <= now()
    LIMIT :row_limit
) AS due;

-- name: count_in_flight
-- Deliveries of a channel that are being submitted, and those of them whose lease has expired. In the order of the index of
-- these rows: otherwise the planner, which may not look at how often a status occurs, may read all deliveries.
SELECT count(*) AS in_flight, count(*) FILTER (WHERE lease_until < now()) AS expired
FROM (
    SELECT lease_until
    FROM deliveries
    WHERE channel = :channel AND status = 'sending'
    ORDER BY message_id
    LIMIT :row_limit
) AS leased;

-- name: count_in_doubt
-- In the order of the index, as count_in_flight.
SELECT count(*)
FROM (
    SELECT FROM deliveries WHERE channel = :channel AND status = 'unknown' ORDER BY due_at LIMIT :row_limit
) AS doubtful;

-- name: count_unapplied_receipts
SELECT count(*) AS receipts, min(received_at) AS oldest_since
FROM (SELECT received_at FROM receipts WHERE applied_at IS NULL ORDER BY receipt_id LIMIT :row_limit) AS unapplied;

-- name: read_clock
SELECT clock_timestamp();
