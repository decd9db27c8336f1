-- name: find_message
-- By its id alone, for operators.
SELECT messages.message_id, messages.church_id, churches.name AS church_name, messages.request_id, messages.resumed_at
FROM messages
JOIN churches ON churches.church_id = messages.church_id
WHERE messages.message_id = :message_id;

-- name: count_groups
-- The deliveries of a message by what became of them, with one example of each group.
SELECT status, reason, error_code, count(*) AS deliveries, min(delivery_id::text)::uuid AS example_id,
       min(updated_at) AS first_at, max(updated_at) AS last_at, count(*) OVER () AS found
FROM deliveries
WHERE message_id = :message_id
GROUP BY status, reason, error_code
ORDER BY status, count(*) DESC, reason, error_code
LIMIT :row_limit;

-- name: count_attempts
SELECT coalesce(sum(attempts), 0) AS attempts,
       count(*) FILTER (WHERE attempts > 1) AS sent_more_than_once,
       count(*) FILTER (WHERE tries > 0) AS refused_for_now,
       count(*) FILTER (WHERE repeats > 0) AS not_found_at_carrier
FROM deliveries
WHERE message_id = :message_id;

-- name: count_receipts
-- Receipts of the present attempts. LATERAL with OFFSET 0 makes this one index probe for each delivery, whatever the planner
-- expects: as a join it might read all receipts.
SELECT receipt.status, count(*) AS receipts, count(*) FILTER (WHERE receipt.applied_at IS NULL) AS unapplied,
       min(receipt.received_at) AS first_at, max(receipt.received_at) AS last_at
FROM deliveries
CROSS JOIN LATERAL (
    SELECT receipts.status, receipts.received_at, receipts.applied_at
    FROM receipts
    WHERE receipts.carrier_id = deliveries.carrier_id
    OFFSET 0
) AS receipt
WHERE deliveries.message_id = :message_id
GROUP BY receipt.status
ORDER BY receipt.status;

-- name: get_delivery
-- By its id alone, for operators.
SELECT deliveries.delivery_id, deliveries.message_id, deliveries.church_id, churches.name AS church_name,
       deliveries.channel, deliveries.contact_id, deliveries.address, deliveries.status, deliveries.reason,
       deliveries.error_code, deliveries.attempts, deliveries.tries, deliveries.repeats, deliveries.missed_reads,
       deliveries.carrier_id, deliveries.updated_at, deliveries.lease_until,
       CASE WHEN deliveries.due_at < 'infinity' THEN greatest(deliveries.due_at, deliveries.age_from) END AS due_at,
       messages.expanded_at
FROM deliveries
JOIN churches ON churches.church_id = deliveries.church_id
JOIN messages ON messages.message_id = deliveries.message_id
WHERE deliveries.delivery_id = :delivery_id;

-- name: list_receipts
-- Receipts with the carrier id of the delivery, and those that are about it and not applied yet. Two index probes.
SELECT status, attempt, carrier_id, error_code, received_at, applied_at
FROM receipts
WHERE carrier_id = :carrier_id
UNION
SELECT status, attempt, carrier_id, error_code, received_at, applied_at
FROM receipts
WHERE delivery_id = :delivery_id AND applied_at IS NULL
ORDER BY received_at
LIMIT :row_limit;
