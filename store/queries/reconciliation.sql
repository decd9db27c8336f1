-- name: claim_in_doubt
-- Deliveries in doubt whose time has come. They are put off while the carrier is asked, so that nobody else asks too, and
-- longer the older the doubt; one whose asker dies is asked for again then.
WITH suspects AS MATERIALIZED (
    SELECT delivery_id
    FROM deliveries
    WHERE status = 'unknown' AND due_at <= now() AND channel = :channel
    ORDER BY due_at
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE deliveries
    SET due_at = now() + greatest(
        :hold_seconds * interval '1 second', least((now() - deliveries.updated_at) / 4, interval '1 hour')
    )
    FROM suspects
    WHERE deliveries.delivery_id = suspects.delivery_id
    RETURNING deliveries.delivery_id, deliveries.message_id, deliveries.church_id, deliveries.channel,
              deliveries.attempts, deliveries.repeats, deliveries.address
)
SELECT taken.delivery_id, taken.attempts AS attempt, taken.repeats, taken.address, messages.content, messages.details,
       messages.created_at AS since, senders.address AS sender_address, senders.messaging_service_sid
FROM taken
JOIN messages ON messages.message_id = taken.message_id
JOIN senders ON senders.church_id = taken.church_id AND senders.channel = taken.channel;

-- name: find_carrier_id_owners
-- To whom the carrier's ids belong: to deliveries of the same church to the same people, as far as those can have been
-- submitted since the suspect's message was made; and of those seen, to whomever the carrier has said a word about.
-- (Churches may share a sender. Of those about which no word came one is asked for, and comes.)
SELECT carrier_id, delivery_id, attempt::int, status IN ('failed', 'undelivered') AS failed
FROM receipts
WHERE carrier_id = ANY (:seen::text[])
UNION ALL
SELECT others.carrier_id, others.delivery_id, others.attempts::int, false
FROM deliveries AS suspects
JOIN messages AS own ON own.message_id = suspects.message_id
JOIN messages ON messages.church_id = suspects.church_id
    AND (messages.completed_at IS NULL OR messages.completed_at >= own.created_at - interval '1 hour')
JOIN deliveries AS others ON others.message_id = messages.message_id
    AND (CASE WHEN others.status <> 'suppressed' THEN others.address END) = suspects.address -- as in the index
WHERE suspects.delivery_id = ANY (:delivery_ids::uuid[])
  AND others.delivery_id <> suspects.delivery_id
  AND others.carrier_id IS NOT NULL;

-- name: find_identical_in_flight
-- Suspects beside which another delivery with the same words to the same person is being submitted just now.
SELECT DISTINCT suspects.delivery_id
FROM deliveries AS suspects
JOIN messages AS own ON own.message_id = suspects.message_id
JOIN deliveries AS others ON others.status = 'sending' AND others.address = suspects.address
    AND others.church_id = suspects.church_id
JOIN messages ON messages.message_id = others.message_id AND messages.content = own.content
WHERE suspects.delivery_id = ANY (:delivery_ids::uuid[]);

-- name: lock_reconciliation
-- One settler at a time looks at whose ids are taken and writes: two must not give the same text to two deliveries.
SELECT pg_advisory_xact_lock(6051908);

-- name: lock_messages!
-- Before deliveries of theirs are settled: messages are locked before their deliveries, as by people who steer them.
SELECT FROM messages
WHERE message_id IN (SELECT message_id FROM deliveries WHERE delivery_id = ANY (:delivery_ids::uuid[]))
ORDER BY message_id
FOR UPDATE;

-- name: record_found!
-- The carrier had it all the while. What follows comes by callback, or is asked for. An id that another delivery holds is left
-- to it: the doubt is looked into again.
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
), settled AS (
    UPDATE deliveries
    SET status = 'sent', carrier_id = found.carrier_id, reason = NULL, updated_at = now()
    FROM locked
    JOIN found USING (delivery_id)
    WHERE deliveries.delivery_id = locked.delivery_id
    RETURNING deliveries.message_id
)
UPDATE messages
SET settled_at = NULL
WHERE message_id IN (SELECT message_id FROM settled);

-- name: record_missing
-- Once more not in the list. After enough readings over a long enough time the carrier does not have it, and it goes back
-- to the queue, or fails if its hour is over; until then it is looked for again. A receipt that waits to be applied is
-- waited for. How many went back.
WITH judged AS MATERIALIZED (
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
        repeats = deliveries.repeats + CASE judged.status WHEN 'queued' THEN 1 ELSE 0 END,
        status = judged.status,
        reason = CASE judged.status WHEN 'failed' THEN 'too late to be sent' ELSE deliveries.reason END,
        due_at = CASE judged.status WHEN 'unknown' THEN now() + :pause_seconds * interval '1 second' ELSE now() END,
        updated_at = CASE judged.status WHEN 'unknown' THEN deliveries.updated_at ELSE now() END
    FROM judged
    WHERE deliveries.delivery_id = judged.delivery_id
    RETURNING deliveries.message_id, judged.status
), reopened AS (
    -- Also what seems open: somebody may be marking it as completed just now, and this then comes after.
    UPDATE messages
    SET completed_at = NULL, settled_at = NULL
    WHERE message_id IN (SELECT message_id FROM counted WHERE status = 'queued')
)
SELECT count(*) FILTER (WHERE status = 'queued') FROM counted;

-- name: put_holders_in_doubt!
-- Deliveries that were settled under an id of the carrier's that is another delivery's: whatever was said of it was not about
-- them. So they are looked for again, whatever ending they had.
UPDATE deliveries
SET carrier_id = NULL,
    status = CASE WHEN held.had_an_answer THEN 'unknown' ELSE deliveries.status END,
    reason = CASE WHEN held.had_an_answer THEN 'its carrier id belongs to another delivery' ELSE deliveries.reason END,
    error_code = CASE WHEN held.had_an_answer THEN NULL ELSE deliveries.error_code END,
    due_at = CASE WHEN held.had_an_answer THEN now() ELSE deliveries.due_at END,
    missed_reads = 0,
    updated_at = now()
FROM (
    SELECT delivery_id, status IN ('sent', 'undelivered', 'failed', 'delivered') AS had_an_answer
    FROM deliveries
    WHERE carrier_id = ANY (:carrier_ids::text[])
    ORDER BY delivery_id
    FOR UPDATE
) AS held
WHERE deliveries.delivery_id = held.delivery_id;

-- name: clear_settled_at_of_holders!
-- Before their deliveries are put in doubt: the carrier is to be asked about them again.
UPDATE messages
SET settled_at = NULL
WHERE message_id IN (
    SELECT messages.message_id
    FROM messages
    WHERE message_id IN (SELECT message_id FROM deliveries WHERE carrier_id = ANY (:carrier_ids::text[]))
    ORDER BY messages.message_id
    FOR UPDATE
);

-- name: resolve_deliveries!
-- A person decides what nobody could find out, of one delivery or of all that the message has in doubt. When they are to be
-- sent, a new attempt begins, so that a late failure of the old one is not taken for this one's, and their age counts anew;
-- otherwise the carrier may still correct the person.
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
) AS doubtful
WHERE deliveries.delivery_id = doubtful.delivery_id AND deliveries.status = 'unknown';

-- name: list_in_doubt
-- Messages with deliveries in doubt for so long, those that wait longest first.
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
-- Accepted by the carrier, and no ending heard of: to be asked after, each less often the older it is. Asked only
-- where a message is not settled, so that no index of all that was ever sent is needed.
WITH unreported AS MATERIALIZED (
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
FROM unreported
WHERE deliveries.delivery_id = unreported.delivery_id
RETURNING deliveries.delivery_id, deliveries.attempts AS attempt, deliveries.carrier_id;
