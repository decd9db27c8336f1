-- name: insert_receipts!
-- The carrier repeats itself: the same word about the same message is stored once. In order, so that two who store the same
-- words at once wait for one another in the same order.
INSERT INTO receipts (delivery_id, attempt, carrier_id, status, error_code)
SELECT DISTINCT ON (carrier_id, status) delivery_id, attempt, carrier_id, status::delivery_status, error_code
FROM unnest(
    :delivery_ids::uuid[], :attempts::int[], :carrier_ids::text[], :statuses::text[], :error_codes::text[]
) AS told (delivery_id, attempt, carrier_id, status, error_code)
ORDER BY carrier_id, status, attempt DESC
ON CONFLICT (carrier_id, status) DO UPDATE
-- Used up under an attempt that was over, and now found to be of a later one: it is to be applied to that. Or asked for in the
-- name of a delivery that was taken for its owner, and now found to be of another.
SET delivery_id = excluded.delivery_id, attempt = excluded.attempt, applied_at = NULL
WHERE receipts.delivery_id <> excluded.delivery_id OR receipts.attempt < excluded.attempt;

-- name: apply_receipts
-- Up to one batch of receipts, oldest first: each delivery moves at most once, to the furthest that is said of one text at the
-- carrier, and only forward (the moves are the state machine's, listed by the caller). Late and repeated ones change nothing.
--   * Of the present attempt everything counts. A failure that may pass (its code is listed, with the first pause) puts the
--     delivery back into the queue, a bounded number of times, as a new attempt.
--   * Of another attempt, what shows that the recipient has the text or is about to: `delivered`; and `sent`, unless that text is
--     known to have failed since. So nothing more is submitted. Its failure is no news of the present attempt.
-- What is said of a second text of the same delivery waits for another statement. So does a text whose id another delivery
-- holds (contested): that is settled first. How many were used up, how many wait, how many are contested.
WITH batch AS MATERIALIZED (
    SELECT receipt_id, delivery_id, attempt, carrier_id, status, error_code
    FROM receipts
    WHERE applied_at IS NULL
    ORDER BY receipt_id
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), texts AS (
    SELECT batch.*,
           max(status) OVER (PARTITION BY delivery_id, carrier_id) AS ending,
           row_number() OVER (PARTITION BY delivery_id, carrier_id ORDER BY status DESC, attempt DESC) = 1 AS is_furthest,
           -- One carrier may have named two deliveries for one text: one after the other.
           first_value(delivery_id) OVER (PARTITION BY carrier_id ORDER BY delivery_id) = delivery_id AS is_first_named
    FROM batch
), chosen AS MATERIALIZED (
    -- One text of each delivery. Failures before signs of life: what goes back to the queue for the one is then stopped by the
    -- other. All receipts of the batch stay together here: joined again they would be compared each with each.
    SELECT texts.*,
           is_first_named AND carrier_id = first_value(carrier_id) OVER (
               PARTITION BY delivery_id ORDER BY ending IN ('undelivered', 'failed') DESC, carrier_id
           ) AS is_chosen
    FROM texts
), furthest AS MATERIALIZED (
    SELECT delivery_id, carrier_id, attempt, status, error_code
    FROM chosen
    WHERE is_chosen AND is_furthest
), reopening AS MATERIALIZED (
    -- Messages are locked before their deliveries, as everywhere.
    SELECT message_id
    FROM messages
    WHERE message_id IN (
        SELECT deliveries.message_id
        FROM furthest
        JOIN deliveries USING (delivery_id)
        WHERE furthest.status IN ('undelivered', 'failed') AND furthest.error_code = ANY (:retryable_codes::text[])
    )
    ORDER BY message_id
    FOR UPDATE
), locked AS MATERIALIZED (
    -- With the row as it is once the lock is held: another writer may have moved the delivery in the meantime. The receipts go
    -- along: joined a second time they would be compared each with each.
    SELECT furthest.*, deliveries.status::text AS present_status, deliveries.attempts, deliveries.tries,
           deliveries.carrier_id AS present_carrier_id, deliveries.message_id, deliveries.age_from
    FROM furthest
    JOIN deliveries USING (delivery_id)
    WHERE (SELECT count(*) FROM reopening) >= 0
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), contested AS MATERIALIZED (
    SELECT locked.delivery_id
    FROM locked
    JOIN deliveries AS holders ON holders.carrier_id = locked.carrier_id AND holders.delivery_id <> locked.delivery_id
    WHERE locked.present_carrier_id IS DISTINCT FROM locked.carrier_id -- mostly it holds the id itself: nothing to look up
), judged AS (
    -- By the status read under the lock, not by the row's own: the statement began before the lock was had, and a row
    -- that changed since would be compared with the one move that its old status was found with, and be left behind.
    SELECT locked.delivery_id, locked.message_id, locked.carrier_id, locked.status, locked.error_code,
           locked.present_status, locked.attempt = locked.attempts AS is_present,
           CASE WHEN locked.status IN ('failed', 'undelivered') AND locked.tries < :retry_limit::int
                     AND greatest(messages.send_at, messages.resumed_at, locked.age_from)
                         > now() - :age_limit_seconds * interval '1 second'
                THEN retryable.pause_seconds * (:growth::double precision[])[locked.tries + 1]
                     * (1 - :jitter::double precision * random()) END AS again_in_seconds
    FROM locked
    JOIN unnest(:from_statuses::text[], :to_statuses::text[]) AS move (from_status, to_status)
        ON move.from_status = locked.present_status AND move.to_status = locked.status::text
    JOIN messages ON messages.message_id = locked.message_id
    LEFT JOIN unnest(:retryable_codes::text[], :pauses_seconds::double precision[]) AS retryable (code, pause_seconds)
        ON retryable.code = locked.error_code
    WHERE locked.delivery_id NOT IN (SELECT delivery_id FROM contested)
      AND (
          locked.attempt = locked.attempts
          OR locked.status = 'delivered'
          OR locked.status = 'sent' AND NOT EXISTS (
              SELECT FROM receipts AS ends
              WHERE ends.carrier_id = locked.carrier_id AND ends.status IN ('undelivered', 'failed')
          )
      )
      -- Suppressed when its audience was written, and so never submitted, it is no living delivery and becomes none.
      AND (locked.present_status <> 'suppressed' OR locked.attempts > 0)
      -- On the spot it moves for one thing only: the present attempt is at the carrier under another id than was believed.
      AND (
          locked.status::text <> locked.present_status
          OR locked.attempt = locked.attempts AND locked.carrier_id <> locked.present_carrier_id
      )
), moved AS (
    UPDATE deliveries
    SET status = CASE WHEN judged.again_in_seconds IS NULL THEN judged.status ELSE 'queued' END,
        -- One of a paused message was due never: now it is to be asked after.
        due_at = CASE WHEN judged.again_in_seconds IS NULL THEN least(deliveries.due_at, now())
                      ELSE now() + judged.again_in_seconds * interval '1 second' END,
        attempts = deliveries.attempts + CASE WHEN judged.again_in_seconds IS NULL THEN 0 ELSE 1 END,
        tries = deliveries.tries + CASE WHEN judged.again_in_seconds IS NULL THEN 0 ELSE 1 END,
        -- An attempt that was accepted keeps its own id: that of the other is in its receipts.
        carrier_id = CASE WHEN judged.again_in_seconds IS NOT NULL THEN NULL
                          WHEN judged.is_present THEN judged.carrier_id
                          ELSE coalesce(deliveries.carrier_id, judged.carrier_id) END,
        error_code = coalesce(judged.error_code, deliveries.error_code),
        reason = CASE WHEN NOT judged.is_present AND judged.status = 'delivered'
                           AND judged.present_status IN ('sending', 'unknown', 'sent')
                      THEN 'an earlier attempt arrived, this one perhaps too' END,
        lease_until = NULL,
        updated_at = now()
    FROM judged
    WHERE deliveries.delivery_id = judged.delivery_id
    RETURNING deliveries.message_id, deliveries.status,
              judged.present_status IN ('canceled', 'suppressed') AS had_ended
), reopened AS (
    UPDATE messages
    SET completed_at = CASE WHEN changed.is_queued THEN NULL ELSE messages.completed_at END, settled_at = NULL
    FROM (
        SELECT message_id, bool_or(status = 'queued') AS is_queued
        FROM moved
        WHERE status = 'queued' OR had_ended
        GROUP BY message_id
    ) AS changed
    WHERE messages.message_id = changed.message_id
      AND (changed.is_queued OR messages.settled_at IS NOT NULL)
), used AS (
    UPDATE receipts
    SET applied_at = now()
    FROM chosen
    WHERE receipts.receipt_id = chosen.receipt_id
      AND chosen.is_chosen
      AND chosen.delivery_id NOT IN (SELECT delivery_id FROM contested)
    RETURNING receipts.receipt_id
)
SELECT (SELECT count(*) FROM used) AS used,
       (SELECT count(*) FROM batch) - (SELECT count(*) FROM used) AS waiting,
       (SELECT count(*) FROM contested) AS contested;

-- name: give_to_holders!
-- Of texts whose id another delivery holds. The one that the receipt names was submitted again since: the two have changed
-- places, the text stands for its holder, and so do its receipts. (The same words to the same person: see `judge` in
-- messaging/reconciliation.py.) To take it from the holder now would be one text too many.
UPDATE receipts
SET delivery_id = holders.delivery_id, attempt = holders.attempts
FROM deliveries AS named, deliveries AS holders
WHERE receipts.applied_at IS NULL
  AND named.delivery_id = receipts.delivery_id
  AND receipts.attempt < named.attempts
  AND named.status NOT IN ('queued', 'canceled', 'suppressed')
  AND holders.carrier_id = receipts.carrier_id
  AND holders.delivery_id <> receipts.delivery_id;

-- name: contested_ids
-- The ids of texts that another delivery holds than the one that its receipts name.
SELECT DISTINCT receipts.carrier_id
FROM receipts
JOIN deliveries AS named ON named.delivery_id = receipts.delivery_id
JOIN deliveries AS holders
    ON holders.carrier_id = receipts.carrier_id AND holders.delivery_id <> receipts.delivery_id
WHERE receipts.applied_at IS NULL;

-- name: has_unapplied
SELECT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL);

-- name: count_refused!
INSERT INTO refused_callbacks (day, channel, refused)
VALUES ((now() AT TIME ZONE 'UTC')::date, :channel, 1)
ON CONFLICT (day, channel) DO UPDATE SET refused = refused_callbacks.refused + 1;
