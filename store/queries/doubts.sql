-- name: take_suspects
-- Deliveries in doubt whose time has come. They are put off while the carrier is asked, so that nobody else asks too; one
-- whose asker dies is asked for again then.
WITH suspects AS MATERIALIZED (
    SELECT delivery_id
    FROM deliveries
    WHERE status = 'unknown' AND due_at <= now()
    ORDER BY due_at
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE deliveries
    SET due_at = now() + :hold_seconds * interval '1 second'
    FROM suspects
    WHERE deliveries.delivery_id = suspects.delivery_id
    RETURNING deliveries.*
)
SELECT taken.delivery_id, taken.attempts AS attempt, taken.channel, taken.address, messages.content,
       messages.created_at AS since, senders.address AS sender_address, senders.messaging_service_sid
FROM taken
JOIN messages ON messages.message_id = taken.message_id
JOIN senders ON senders.church_id = taken.church_id AND senders.channel = taken.channel;

-- name: carrier_ids_of_others
-- The carrier's ids that belong to other deliveries: of the same church to the same people, as far as those can have been
-- submitted since the suspect's message was made; and of anyone, among those seen, if the carrier has said a word about
-- them. (Churches may share a sender. Of those about which no word came one is asked for, and comes.)
SELECT carrier_id
FROM receipts
WHERE carrier_id = ANY (:seen::text[]) AND delivery_id <> ALL (:delivery_ids::uuid[])
UNION
SELECT others.carrier_id
FROM deliveries AS suspects
JOIN messages AS own ON own.message_id = suspects.message_id
JOIN messages ON messages.church_id = suspects.church_id
    AND (messages.completed_at IS NULL OR messages.completed_at >= own.created_at)
JOIN deliveries AS others ON others.message_id = messages.message_id
    AND (CASE WHEN others.status <> 'suppressed' THEN others.address END) = suspects.address -- as in the index
WHERE suspects.delivery_id = ANY (:delivery_ids::uuid[])
  AND others.delivery_id <> suspects.delivery_id
  AND others.carrier_id IS NOT NULL;

-- name: lock_settling
-- One settler at a time looks at whose ids are taken and writes: two must not give the same text to two deliveries.
SELECT pg_advisory_xact_lock(6051908);

-- name: settle_found!
-- The carrier had it all the while. What follows comes by callback, or is asked for.
UPDATE deliveries
SET status = 'sent', carrier_id = found.carrier_id, reason = NULL, updated_at = now()
FROM unnest(:delivery_ids::uuid[], :attempts::int[], :carrier_ids::text[]) AS found (delivery_id, attempt, carrier_id)
WHERE deliveries.delivery_id = found.delivery_id
  AND deliveries.attempts = found.attempt
  AND deliveries.status = 'unknown';

-- name: settle_missing
-- Once more not in the list. After enough readings over a long enough time the carrier does not have it, and it goes back
-- to the queue; until then it is looked for again. How many went back.
WITH judged AS MATERIALIZED (
    SELECT deliveries.delivery_id,
           deliveries.missed_reads + 1 >= :reads::int
               AND deliveries.updated_at <= now() - :period_seconds * interval '1 second' AS enough
    FROM deliveries
    JOIN unnest(:delivery_ids::uuid[], :attempts::int[]) AS missing (delivery_id, attempt)
        ON deliveries.delivery_id = missing.delivery_id AND deliveries.attempts = missing.attempt
    WHERE deliveries.status = 'unknown'
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), counted AS (
    UPDATE deliveries
    SET missed_reads = deliveries.missed_reads + 1,
        status = CASE WHEN judged.enough THEN 'queued' ELSE 'unknown' END::delivery_status,
        due_at = CASE WHEN judged.enough THEN now() ELSE now() + :pause_seconds * interval '1 second' END,
        updated_at = CASE WHEN judged.enough THEN now() ELSE deliveries.updated_at END
    FROM judged
    WHERE deliveries.delivery_id = judged.delivery_id
    RETURNING deliveries.message_id, judged.enough
), reopened AS (
    UPDATE messages
    SET completed_at = NULL, settled_at = NULL
    WHERE message_id IN (SELECT message_id FROM counted WHERE enough) AND completed_at IS NOT NULL
)
SELECT count(*) FILTER (WHERE enough) FROM counted;

-- name: resolve_delivery
-- A person decides what nobody could find out. A new attempt begins, so that a late word about the old one is not taken
-- for this one's.
UPDATE deliveries
SET status = :status::delivery_status,
    attempts = attempts + 1,
    due_at = now(),
    tries = 0,
    reason = 'decided by a person',
    updated_at = now()
WHERE church_id = :church_id AND message_id = :message_id AND delivery_id = :delivery_id AND status = 'unknown'
RETURNING delivery_id;

-- name: delivery_exists
SELECT EXISTS (
    SELECT FROM deliveries
    WHERE church_id = :church_id AND message_id = :message_id AND delivery_id = :delivery_id
);

-- name: take_unreported
-- Accepted by the carrier, and no ending heard of: to be asked after, each less often the older it is. Asked only
-- where a message is not settled, so that no index of all that was ever sent is needed.
WITH unreported AS MATERIALIZED (
    SELECT deliveries.delivery_id
    FROM messages
    JOIN deliveries ON deliveries.message_id = messages.message_id
    WHERE messages.completed_at <= now() - :after_seconds * interval '1 second'
      AND messages.settled_at IS NULL
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
FROM unreported
WHERE deliveries.delivery_id = unreported.delivery_id
RETURNING deliveries.delivery_id, deliveries.attempts AS attempt, deliveries.channel, deliveries.carrier_id;
