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
-- Used up under an attempt that was over, and now found to be of a later one: it is to be applied to that.
SET attempt = excluded.attempt, applied_at = NULL
WHERE receipts.delivery_id = excluded.delivery_id AND receipts.attempt < excluded.attempt;

-- name: apply_receipts
-- Up to one batch of receipts, oldest first: each delivery moves at most once, to the furthest that is said of its present
-- attempt, and only forward (the moves are the state machine's, listed by the caller). Late and repeated ones change
-- nothing. A failure that may pass (its code is listed, with the first pause) puts the delivery back into the queue, a
-- bounded number of times, as a new attempt.
WITH batch AS MATERIALIZED (
    SELECT receipt_id, delivery_id, attempt, carrier_id, status, error_code
    FROM receipts
    WHERE applied_at IS NULL
    ORDER BY receipt_id
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), furthest AS MATERIALIZED (
    SELECT DISTINCT ON (delivery_id, attempt) delivery_id, attempt, carrier_id, status, error_code
    FROM batch
    ORDER BY delivery_id, attempt, status DESC
), locked AS MATERIALIZED (
    -- With the row as it is once the lock is held: another writer may have moved the delivery in the meantime. The receipts go
    -- along: joined a second time they would be compared each with each.
    SELECT furthest.*, deliveries.status::text AS present_status, deliveries.attempts, deliveries.tries,
           deliveries.message_id
    FROM furthest
    JOIN deliveries USING (delivery_id)
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), judged AS (
    -- By the status read under the lock, not by the row's own: the statement began before the lock was had, and a row
    -- that changed since would be compared with the one move that its old status was found with, and be left behind.
    SELECT locked.delivery_id, locked.message_id, locked.carrier_id, locked.status, locked.error_code,
           CASE WHEN locked.status IN ('failed', 'undelivered') AND locked.tries < :retry_limit::int
                     AND messages.send_at > now() - :age_limit_seconds * interval '1 second'
                THEN passing.pause_seconds * 2 ^ locked.tries * (0.5 + random() / 2) END AS again_in_seconds
    FROM locked
    JOIN unnest(:from_statuses::text[], :to_statuses::text[]) AS move (from_status, to_status)
        ON move.from_status = locked.present_status AND move.to_status = locked.status::text
    JOIN messages ON messages.message_id = locked.message_id
    LEFT JOIN unnest(:passing_codes::text[], :pauses_seconds::double precision[]) AS passing (code, pause_seconds)
        ON passing.code = locked.error_code
    WHERE locked.attempt = locked.attempts
), moved AS (
    UPDATE deliveries
    SET status = CASE WHEN judged.again_in_seconds IS NULL THEN judged.status ELSE 'queued' END,
        due_at = CASE WHEN judged.again_in_seconds IS NULL THEN deliveries.due_at
                      ELSE now() + judged.again_in_seconds * interval '1 second' END,
        attempts = deliveries.attempts + CASE WHEN judged.again_in_seconds IS NULL THEN 0 ELSE 1 END,
        tries = deliveries.tries + CASE WHEN judged.again_in_seconds IS NULL THEN 0 ELSE 1 END,
        carrier_id = CASE WHEN judged.again_in_seconds IS NULL THEN judged.carrier_id END,
        error_code = coalesce(judged.error_code, deliveries.error_code),
        reason = NULL,
        lease_until = NULL,
        updated_at = now()
    FROM judged
    WHERE deliveries.delivery_id = judged.delivery_id
    RETURNING deliveries.message_id, deliveries.status
), reopened AS (
    UPDATE messages
    SET completed_at = NULL, settled_at = NULL
    WHERE message_id IN (SELECT message_id FROM moved WHERE status = 'queued')
), used AS (
    UPDATE receipts
    SET applied_at = now()
    FROM batch
    WHERE receipts.receipt_id = batch.receipt_id
    RETURNING receipts.receipt_id
)
SELECT count(*) FROM used;

-- name: has_unapplied
SELECT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL);

-- name: count_refused!
INSERT INTO refused_callbacks (day, channel, refused)
VALUES ((now() AT TIME ZONE 'UTC')::date, :channel, 1)
ON CONFLICT (day, channel) DO UPDATE SET refused = refused_callbacks.refused + 1;
