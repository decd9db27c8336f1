-- name: claim_in_doubt
-- Claims due deliveries in doubt. due_at is postponed, so that no other process looks them up meanwhile, and further the
-- longer a delivery is in doubt. If the process dies, they are looked up again when due_at has passed.
WITH in_doubt AS MATERIALIZED (
    SELECT delivery_id
    FROM deliveries
    WHERE status = 'unknown' AND due_at <= now() AND channel = :channel
    ORDER BY due_at
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE deliveries
    SET due_at = now() + greatest(
        :hold_seconds * interval '1 second', least((now() - deliveries.updated_at) / 4, interval '1 hour')
    )
    FROM in_doubt
    WHERE deliveries.delivery_id = in_doubt.delivery_id
    RETURNING deliveries.delivery_id, deliveries.message_id, deliveries.church_id, deliveries.channel,
              deliveries.attempts, deliveries.repeats, deliveries.address, deliveries.merge_values
)
SELECT claimed.delivery_id, claimed.attempts AS attempt, claimed.repeats, claimed.address,
       delivery_content(messages.content, messages.merge_fields, claimed.merge_values) AS content,
       delivery_details(messages.details, messages.merge_fields, claimed.merge_values) AS details,
       messages.created_at AS since, senders.address AS sender_address, senders.messaging_service_sid
FROM claimed
JOIN messages ON messages.message_id = claimed.message_id
JOIN senders ON senders.church_id = claimed.church_id AND senders.channel = claimed.channel;

-- name: find_carrier_id_owners
-- The deliveries to which carrier ids belong: by receipts, for the ids that were seen in the carrier's list; and by their rows,
-- for other deliveries of the same church to the same addresses that can have been submitted since the message in doubt was
-- created. Churches may share a sender: an id of another church's delivery is found by its receipt, which is fetched if no
-- callback comes.
SELECT carrier_id, delivery_id, attempt::int, status IN ('failed', 'undelivered') AS failed
FROM receipts
WHERE carrier_id = ANY (:seen::text[])
UNION ALL
SELECT others.carrier_id, others.delivery_id, others.attempts::int, false
FROM deliveries AS in_doubt
JOIN messages AS own ON own.message_id = in_doubt.message_id
JOIN messages ON messages.church_id = in_doubt.church_id
    AND (messages.completed_at IS NULL OR messages.completed_at >= own.created_at - interval '1 hour')
JOIN deliveries AS others ON others.message_id = messages.message_id
    AND (CASE WHEN others.status <> 'suppressed' THEN others.address END) = in_doubt.address -- as in the index
WHERE in_doubt.delivery_id = ANY (:delivery_ids::uuid[])
  AND others.delivery_id <> in_doubt.delivery_id
  AND others.carrier_id IS NOT NULL;

-- name: find_identical_in_flight
-- Deliveries in doubt for which another delivery with the same content to the same address is being submitted now.
SELECT DISTINCT in_doubt.delivery_id
FROM deliveries AS in_doubt
JOIN messages AS own ON own.message_id = in_doubt.message_id
JOIN deliveries AS others ON others.status = 'sending' AND others.address = in_doubt.address
    AND others.church_id = in_doubt.church_id
JOIN messages ON messages.message_id = others.message_id
WHERE in_doubt.delivery_id = ANY (:delivery_ids::uuid[])
  AND delivery_content(messages.content, messages.merge_fields, others.merge_values)
    = delivery_content(own.content, own.merge_fields, in_doubt.merge_values);

-- name: lock_reconciliation
-- One reconciliation at a time reads the owners of carrier ids and writes: otherwise two could assign one id to two deliveries.
SELECT pg_advisory_xact_lock(6051908);

-- name: lock_messages!
-- Messages are locked before their deliveries, in the same order as when a person pauses or cancels a message.
SELECT FROM messages
WHERE message_id IN (SELECT message_id FROM deliveries WHERE delivery_id = ANY (:delivery_ids::uuid[]))
ORDER BY message_id
FOR UPDATE;

-- name: record_found!
-- The carrier has the delivery: it becomes `sent`. Its further receipts arrive by callback or are fetched. If another delivery
-- holds the carrier id by now, the delivery stays in doubt and is looked up again.
WITH found AS (
    SELECT delivery_id, attempt, carrier_id
    FROM unnest(:delivery_ids::uuid[], :attempts::int[], :carrier_ids::text[])
        AS listed (delivery_id, attempt, carrier_id)
), locked AS MATERIALIZED (
    SELECT deliveries.delivery_id
    FROM deliveries
    JOIN found ON found.delivery_id = deliveries.delivery_id AND found.attempt = deliveries.attempts
    WHERE deliveries.status = 'unknown'
      AND NOT EXISTS (SELECT FROM deliveries AS holders WHERE holders.carrier_id = found.carrier_id)
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), found_deliveries AS (
    UPDATE deliveries
    SET status = 'sent', carrier_id = found.carrier_id, reason = NULL, updated_at = now()
    FROM locked
    JOIN found USING (delivery_id)
    WHERE deliveries.delivery_id = locked.delivery_id
    RETURNING deliveries.message_id
)
UPDATE messages
SET settled_at = NULL
WHERE message_id IN (SELECT message_id FROM found_deliveries);

-- name: record_missing
-- Counts one more look-up that did not find the delivery. After enough look-ups over a long enough time it returns to the
-- queue, or fails if it is too old; until then, and while it has an unapplied receipt, it is looked up again. Returns how
-- many returned to the queue.
WITH decided AS MATERIALIZED (
    SELECT deliveries.delivery_id,
           CASE
               WHEN deliveries.missed_reads + 1 < :reads::int
                   OR deliveries.updated_at > now() - :period_seconds * interval '1 second'
                   OR EXISTS (
                       SELECT FROM receipts
                       WHERE receipts.delivery_id = deliveries.delivery_id AND receipts.applied_at IS NULL
                       OFFSET 0 -- as in the claim
                   )
                   THEN 'unknown'
               WHEN greatest(messages.send_at, messages.resumed_at, deliveries.age_from)
                   < now() - :age_limit_seconds * interval '1 second' THEN 'failed'
               ELSE 'queued'
           END::delivery_status AS status
    FROM deliveries
    JOIN unnest(:delivery_ids::uuid[], :attempts::int[]) AS missing (delivery_id, attempt)
        ON deliveries.delivery_id = missing.delivery_id AND deliveries.attempts = missing.attempt
    JOIN messages ON messages.message_id = deliveries.message_id
    WHERE deliveries.status = 'unknown'
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), counted AS (
    UPDATE deliveries
    SET missed_reads = deliveries.missed_reads + 1,
        repeats = deliveries.repeats + CASE decided.status WHEN 'queued' THEN 1 ELSE 0 END,
        status = decided.status,
        reason = CASE decided.status WHEN 'failed' THEN 'too late to be sent' ELSE deliveries.reason END,
        due_at = CASE decided.status WHEN 'unknown' THEN now() + :pause_seconds * interval '1 second' ELSE now() END,
        updated_at = CASE decided.status WHEN 'unknown' THEN deliveries.updated_at ELSE now() END
    FROM decided
    WHERE deliveries.delivery_id = decided.delivery_id
    RETURNING deliveries.message_id, decided.status
), reopened AS (
    -- Messages that are not completed are updated too: see reopen_messages in deliveries.sql.
    UPDATE messages
    SET completed_at = NULL, settled_at = NULL
    WHERE message_id IN (SELECT message_id FROM counted WHERE status = 'queued')
)
SELECT count(*) FILTER (WHERE status = 'queued') FROM counted;

-- name: put_holders_in_doubt!
-- Takes carrier ids from the deliveries that hold them, because they belong to other deliveries. The receipts of those ids were
-- not about the holders, so the holders are in doubt again, whatever status they had. One whose address was redacted keeps its
-- status: it cannot be looked up.
UPDATE deliveries
SET carrier_id = NULL,
    status = CASE WHEN holders.had_result THEN 'unknown' ELSE deliveries.status END,
    reason = CASE WHEN holders.had_result THEN 'its carrier id belongs to another delivery' ELSE deliveries.reason END,
    error_code = CASE WHEN holders.had_result THEN NULL ELSE deliveries.error_code END,
    due_at = CASE WHEN holders.had_result THEN now() ELSE deliveries.due_at END,
    missed_reads = 0,
    updated_at = now()
FROM (
    SELECT delivery_id,
           status IN ('sent', 'undelivered', 'failed', 'delivered') AND address IS NOT NULL AS had_result
    FROM deliveries
    WHERE carrier_id = ANY (:carrier_ids::text[])
    ORDER BY delivery_id
    FOR UPDATE
) AS holders
WHERE deliveries.delivery_id = holders.delivery_id;

-- name: clear_settled_at_of_holders!
-- Run before put_holders_in_doubt: receipts of these messages are to be fetched again.
UPDATE messages
SET settled_at = NULL
WHERE message_id IN (
    SELECT messages.message_id
    FROM messages
    WHERE message_id IN (SELECT message_id FROM deliveries WHERE carrier_id = ANY (:carrier_ids::text[]))
    ORDER BY messages.message_id
    FOR UPDATE
);

-- name: resolve_deliveries
-- A person resolves one delivery in doubt, or all of a message. To send them again, `attempts` is incremented, so that a late
-- receipt of the old attempt is not taken for the new one's, and the age restarts. Otherwise the attempt stays, and its
-- receipts can still correct the decision. Returns how many were resolved, and their segments.
WITH resolved AS (
    UPDATE deliveries
    SET status = :status::text::delivery_status,
        attempts = attempts + CASE WHEN :status::text = 'queued' THEN 1 ELSE 0 END,
        carrier_id = CASE WHEN :status::text = 'queued' THEN NULL ELSE carrier_id END,
        age_from = CASE WHEN :status::text = 'queued' THEN now() ELSE age_from END,
        due_at = CASE WHEN :status::text = 'queued'
                          AND (SELECT paused_at FROM messages WHERE message_id = :message_id) IS NOT NULL THEN 'infinity'
                      ELSE now() END,
        tries = 0,
        reason = 'decided by a person',
        updated_at = now()
    FROM (
        SELECT delivery_id
        FROM deliveries
        WHERE church_id = :church_id AND message_id = :message_id AND status = 'unknown'
          AND (:delivery_id::uuid IS NULL OR delivery_id = :delivery_id::uuid)
          AND (:reasons::text[] IS NULL OR reason = ANY (:reasons::text[]))
          AND updated_at <= now() - :least_seconds * interval '1 second'
        ORDER BY delivery_id
        FOR UPDATE
    ) AS in_doubt
    WHERE deliveries.delivery_id = in_doubt.delivery_id AND deliveries.status = 'unknown'
    RETURNING deliveries.segments
)
SELECT count(*) AS deliveries,
       coalesce(sum(coalesce(segments, (SELECT segments FROM messages WHERE message_id = :message_id))), 0) AS segments
FROM resolved;

-- name: list_in_doubt
-- Messages with deliveries that have been in doubt for at least this long, the oldest first.
SELECT deliveries.church_id, deliveries.message_id, deliveries.channel, count(*) AS deliveries,
       min(deliveries.updated_at) AS since
FROM deliveries
WHERE deliveries.status = 'unknown'
  AND deliveries.updated_at <= now() - :least_seconds * interval '1 second'
  AND (:church_id::uuid IS NULL OR deliveries.church_id = :church_id::uuid)
  AND (:message_id::uuid IS NULL OR deliveries.message_id = :message_id::uuid)
  AND (:channel::text IS NULL OR deliveries.channel = :channel::text)
GROUP BY deliveries.church_id, deliveries.message_id, deliveries.channel
ORDER BY since, deliveries.message_id;

-- name: delivery_exists
SELECT EXISTS (
    SELECT FROM deliveries
    WHERE church_id = :church_id AND message_id = :message_id AND delivery_id = :delivery_id
);

-- name: claim_awaiting_receipts
-- Claims deliveries that the carrier accepted and that have no final receipt, to fetch their status. The interval doubles with
-- the age of the delivery. Only messages without `settled_at` are read, so that no index of all sent deliveries is needed.
WITH awaiting AS MATERIALIZED (
    SELECT deliveries.delivery_id
    FROM messages
    JOIN deliveries ON deliveries.message_id = messages.message_id
    WHERE messages.completed_at <= now() - :after_seconds * interval '1 second'
      AND messages.settled_at IS NULL
      AND messages.channel = :channel
      AND deliveries.status = 'sent'
      AND deliveries.carrier_id IS NOT NULL
      AND deliveries.updated_at <= now() - :after_seconds * interval '1 second'
      AND deliveries.due_at <= now()
    ORDER BY deliveries.delivery_id
    LIMIT :row_limit
    FOR UPDATE OF deliveries SKIP LOCKED
)
UPDATE deliveries
SET due_at = now() + greatest(:after_seconds * interval '1 second', now() - deliveries.updated_at)
FROM awaiting
WHERE deliveries.delivery_id = awaiting.delivery_id
RETURNING deliveries.delivery_id, deliveries.attempts AS attempt, deliveries.carrier_id;
