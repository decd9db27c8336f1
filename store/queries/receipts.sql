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
    SELECT deliveries.delivery_id
    FROM deliveries
    JOIN furthest USING (delivery_id)
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), moved AS (
    UPDATE deliveries
    SET status = furthest.status,
        carrier_id = furthest.carrier_id,
        error_code = coalesce(furthest.error_code, deliveries.error_code),
        reason = NULL,
        lease_until = NULL,
        updated_at = now()
    FROM locked
    JOIN furthest USING (delivery_id)
    WHERE deliveries.delivery_id = locked.delivery_id
      AND (deliveries.status::text, furthest.status::text) IN (
          SELECT * FROM unnest(:from_statuses::text[], :to_statuses::text[])
      )
)
UPDATE receipts
SET applied_at = now()
FROM batch
WHERE receipts.receipt_id = batch.receipt_id;

-- name: has_unapplied
SELECT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL);
