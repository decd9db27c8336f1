-- name: reopen_messages!
-- Run before deliveries return to the queue. Messages are locked before their deliveries, in the same order as when a person
-- pauses or cancels a message. Messages that are not completed are updated too: a concurrent transaction may be completing
-- them, and this update then follows it.
UPDATE messages
SET completed_at = NULL, settled_at = NULL
WHERE message_id IN (
    SELECT messages.message_id
    FROM messages
    WHERE message_id IN (SELECT message_id FROM deliveries WHERE delivery_id = ANY (:delivery_ids::uuid[]))
    ORDER BY messages.message_id
    FOR UPDATE
);

-- name: record_results!
-- Records results only for deliveries that are still in the attempt of the result: a receipt may have been applied first. A
-- worker that continued after its lease expired still has the carrier's answer, so its result also resolves `unknown`. Its
-- result is also the best source for the carrier id of this attempt, and replaces another id of a delivery that is `sent`.
-- Raises a unique violation when another delivery holds one of the ids: see `find_id_conflicts`.
-- Rows are locked in the order of their ids, as everywhere, so that bulk writers never deadlock. The CTE carries the results
-- along with the locked rows: joined a second time they would be joined by a nested loop, because the planner cannot
-- estimate the size of an array.
WITH current_results AS (
    SELECT result.*
    FROM deliveries
    JOIN unnest(
        :delivery_ids::uuid[], :attempts::int[], :statuses::text[], :carrier_ids::text[], :error_codes::text[],
        :reasons::text[], :delays_seconds::double precision[], :tries_added::int[]
    ) AS result (delivery_id, attempt, status, carrier_id, error_code, reason, delay_seconds, tries_added)
        USING (delivery_id)
    WHERE deliveries.attempts = result.attempt
      -- An acceptance also applies to a delivery that was believed lost and is queued again.
      AND (
          deliveries.status IN ('sending', 'unknown')
          OR deliveries.status = 'queued' AND result.status = 'sent'
          OR deliveries.status = 'sent' AND result.status = 'sent' AND result.carrier_id <> deliveries.carrier_id
      )
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
)
UPDATE deliveries
SET status = current_results.status::delivery_status,
    carrier_id = coalesce(current_results.carrier_id, deliveries.carrier_id),
    error_code = current_results.error_code,
    reason = current_results.reason,
    due_at = CASE WHEN current_results.delay_seconds IS NOT NULL
                  THEN clock_timestamp() + current_results.delay_seconds * interval '1 second'
                  -- A delivery of a paused message is due at infinity; once sent, its receipt is to be fetched.
                  WHEN current_results.status = 'sent' THEN least(deliveries.due_at, now())
                  ELSE deliveries.due_at END,
    tries = deliveries.tries + current_results.tries_added,
    lease_until = NULL,
    updated_at = now()
FROM current_results
WHERE deliveries.delivery_id = current_results.delivery_id;

-- name: store_acceptances_as_receipts!
-- Stores acceptances that record_results could not apply, because the delivery is in another attempt or already final. They
-- are stored as receipts and applied like others. So they stop an attempt that is not claimed yet, and reconciliation does not
-- assign the carrier id to another delivery.
INSERT INTO receipts (delivery_id, attempt, carrier_id, status)
SELECT deliveries.delivery_id, result.attempt, result.carrier_id, 'sent'
FROM unnest(:delivery_ids::uuid[], :attempts::int[], :statuses::text[], :carrier_ids::text[])
    AS result (delivery_id, attempt, status, carrier_id)
JOIN deliveries USING (delivery_id)
WHERE result.status = 'sent' AND result.carrier_id IS DISTINCT FROM deliveries.carrier_id
  AND result.carrier_id IS NOT NULL
ORDER BY result.carrier_id
ON CONFLICT (carrier_id, status) DO NOTHING;

-- name: find_id_conflicts
-- Deliveries whose acceptance has a carrier id that another delivery holds, with whether a receipt confirms that the id belongs
-- to the other one.
SELECT accepted.delivery_id, accepted.carrier_id,
       EXISTS (
           SELECT FROM receipts
           WHERE receipts.carrier_id = accepted.carrier_id AND receipts.delivery_id = holders.delivery_id
       ) AS is_proven
FROM unnest(:delivery_ids::uuid[], :carrier_ids::text[]) AS accepted (delivery_id, carrier_id)
JOIN deliveries AS holders
    ON holders.carrier_id = accepted.carrier_id AND holders.delivery_id <> accepted.delivery_id;

-- name: opt_out_recipients!
-- Opts out the recipients of deliveries that the carrier refused for this reason. In one order, so that concurrent batches of
-- one church do not deadlock. For a single address see opt_out in opt_outs.sql.
WITH opted_out AS (
    INSERT INTO opt_outs (church_id, address, source)
    SELECT DISTINCT church_id, address, 'carrier'
    FROM deliveries
    WHERE delivery_id = ANY (:delivery_ids::uuid[]) AND address IS NOT NULL
    ORDER BY church_id, address
    ON CONFLICT (church_id, address) DO UPDATE
    SET source = excluded.source, opted_out_at = now()
    WHERE opt_outs.source = 'bounce'
    RETURNING church_id, address, source
)
INSERT INTO consent_events (church_id, address, event, source)
SELECT church_id, address, 'opt_out', source
FROM opted_out;

-- name: expire_leases!
-- A lease that expired has no result: the carrier may have the delivery, so it becomes `unknown` and due for reconciliation.
UPDATE deliveries
SET status = 'unknown', lease_until = NULL, due_at = now(), reason = 'the worker went silent', updated_at = now()
WHERE delivery_id IN (
    SELECT delivery_id
    FROM deliveries
    WHERE status = 'sending' AND lease_until < now()
    ORDER BY delivery_id
    FOR UPDATE SKIP LOCKED
) AND status = 'sending';

-- name: get_segments
SELECT segments FROM deliveries WHERE delivery_id = :delivery_id;

-- name: page_deliveries
-- `after` always bounds the index scan, also in a generic plan. Content and details are those of the recipient, of a message with
-- merge fields; else NULL.
SELECT deliveries.delivery_id, deliveries.contact_id, deliveries.address, deliveries.status, deliveries.reason,
       deliveries.error_code, deliveries.attempts, deliveries.carrier_id, deliveries.updated_at, deliveries.segments,
       CASE WHEN deliveries.status = 'queued' AND deliveries.due_at > now() AND deliveries.due_at < 'infinity'
            THEN deliveries.due_at END AS waits_until,
       CASE WHEN deliveries.merge_values IS NOT NULL THEN (
           SELECT delivery_content(messages.content, messages.merge_fields, deliveries.merge_values)
           FROM messages WHERE messages.message_id = :message_id
       ) END AS content,
       CASE WHEN deliveries.merge_values IS NOT NULL THEN (
           SELECT delivery_details(messages.details, messages.merge_fields, deliveries.merge_values)
           FROM messages WHERE messages.message_id = :message_id
       ) END AS details
FROM deliveries
WHERE deliveries.church_id = :church_id AND deliveries.message_id = :message_id
  AND deliveries.delivery_id > :after
  AND (:statuses::text[] IS NULL OR deliveries.status = ANY (:statuses::delivery_status[]))
ORDER BY deliveries.delivery_id
LIMIT :row_limit;
