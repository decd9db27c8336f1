-- name: insert_receipt!
-- The carrier repeats itself: the same word about the same message is stored once.
INSERT INTO receipts (delivery_id, attempt, carrier_id, status, error_code)
VALUES (:delivery_id, :attempt, :carrier_id, :status, :error_code)
ON CONFLICT (carrier_id, status) DO NOTHING;

-- name: apply_receipts!
-- Up to one batch of receipts, oldest first: each delivery moves at most once, to the furthest that is said of it, and
-- only forward (the moves are the state machine's, listed by the caller). Late and repeated ones change nothing.
WITH batch AS MATERIALIZED (
    SELECT receipt_id, delivery_id, carrier_id, status, error_code
    FROM receipts
    WHERE applied_at IS NULL
    ORDER BY receipt_id
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), furthest AS MATERIALIZED (
    SELECT DISTINCT ON (delivery_id) delivery_id, carrier_id, status, error_code
    FROM batch
    ORDER BY delivery_id, status DESC
), locked AS MATERIALIZED (
    -- With the status as it is once the lock is held: another writer may have moved the delivery in the meantime.
    SELECT deliveries.delivery_id, deliveries.status::text AS status
    FROM deliveries
    JOIN furthest USING (delivery_id)
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), moved AS (
    -- By the status read under the lock, not by the row's own: the statement began before the lock was had, and a row
    -- that changed since would be compared with the one move that its old status was found with, and be left behind.
    UPDATE deliveries
    SET status = furthest.status,
        carrier_id = furthest.carrier_id,
        error_code = coalesce(furthest.error_code, deliveries.error_code),
        reason = NULL,
        lease_until = NULL,
        updated_at = now()
    FROM locked
    JOIN furthest USING (delivery_id)
    JOIN unnest(:from_statuses::text[], :to_statuses::text[]) AS move (from_status, to_status)
        ON move.from_status = locked.status AND move.to_status = furthest.status::text
    WHERE deliveries.delivery_id = locked.delivery_id
)
UPDATE receipts
SET applied_at = now()
FROM batch
WHERE receipts.receipt_id = batch.receipt_id;

-- name: has_unapplied
SELECT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL);
