-- name: lock_sender
-- A statement of its own before the claim, so that the claim's snapshot is taken after the wait for the lock and includes
-- opt-outs that were committed meanwhile.
SELECT FROM senders WHERE church_id = :church_id AND channel = :channel FOR UPDATE;

-- name: pace_after_claim
-- For a paced sender with more due deliveries: seconds until the token for the next segment is available.
SELECT greatest(0, (1 - tokens) / segments_per_second)
FROM senders
WHERE church_id = :church_id AND channel = :channel AND segments_per_second IS NOT NULL AND NOT ran_dry;

-- name: claim
-- Claims one batch: the church's oldest due deliveries, as many as its sender's pace allows now.
-- Pace: the sender's row is locked first, so that the token bucket is exact across all workers. A delivery is taken if there
-- are tokens for all its segments. Only the first delivery may overdraw the bucket, so that a text of any length can be sent;
-- the next one then waits longer. The bucket holds the tokens of two seconds, because workers may be late. For a sender with
-- nothing left to send (ran_dry) it holds a single token, so that a sender never exceeds its pace from its first text on.
-- Changes since the delivery was queued: the claim suppresses recipients who opted out, cancels deliveries of canceled
-- messages, and postpones those of paused ones. These are postponed for 5 seconds only, not to infinity: a concurrent resume
-- may have missed this delivery.
-- Quiet hours: a delivery outside its texting hours, or whose hours end before the lease does, is postponed until they begin.
-- This is evaluated once for each time zone among the due deliveries.
-- Age: a delivery older than the limit fails, for example after its sender was paused for days. The age counts from the
-- latest of the message's send_at, a person's action (resume, retry, resolve), and the end of the quiet hours it waited for.
-- Receipts: a delivery with an unapplied receipt is skipped, because the receipt may show that the recipient has the
-- message. OFFSET 0 makes this an index probe for each due delivery; as a join the planner might read all unapplied receipts.
WITH sender AS MATERIALIZED (
    SELECT address, messaging_service_sid, details, segments_per_second,
           least(
               CASE WHEN ran_dry THEN 1 ELSE greatest(1, 2 * segments_per_second) END,
               tokens + segments_per_second * extract(epoch FROM clock_timestamp() - tokens_at)
           ) AS available,
           clock_timestamp() AS filled_at -- not the time at its end: the duration of the claim earns tokens too
    FROM senders
    WHERE church_id = :church_id AND channel = :channel AND paused_at IS NULL AND slowed_until <= now()
    FOR UPDATE
), due AS MATERIALIZED (
    SELECT deliveries.delivery_id, deliveries.message_id, deliveries.due_at,
           coalesce(deliveries.time_zones, '') AS zones
    FROM deliveries
    WHERE deliveries.church_id = :church_id AND deliveries.channel = :channel
      AND deliveries.status = 'queued' AND deliveries.due_at <= now()
      AND EXISTS (SELECT FROM sender)
      AND NOT EXISTS (
          SELECT FROM receipts
          WHERE receipts.delivery_id = deliveries.delivery_id AND receipts.applied_at IS NULL
          OFFSET 0
      )
    ORDER BY deliveries.due_at, deliveries.delivery_id
    LIMIT :row_limit
    FOR UPDATE OF deliveries SKIP LOCKED
), quiet_zones AS MATERIALIZED (
    SELECT due_zones.zones,
           coalesce(
               quiet_until(now(), due_zones.zones, churches.time_zone, churches.window_opens, churches.window_closes),
               quiet_until(
                   now() + :lease_seconds * interval '1 second', due_zones.zones, churches.time_zone,
                   churches.window_opens, churches.window_closes
               )
           ) AS opens_at
    FROM (SELECT DISTINCT zones FROM due) AS due_zones
    JOIN churches ON churches.church_id = :church_id
    WHERE :keeps_quiet_hours::boolean
), with_cost AS (
    SELECT decided.*,
           CASE WHEN decided.status = 'sending' THEN decided.message_segments ELSE 0 END AS segments
    FROM (
        SELECT due.delivery_id, due.due_at, messages.content, messages.details, messages.request_id,
               messages.segments AS message_segments, quiet_zones.opens_at, age.age_from,
               CASE
                   WHEN opt_outs.address IS NOT NULL THEN 'suppressed'
                   WHEN messages.canceled_at IS NOT NULL THEN 'canceled'
                   WHEN messages.paused_at IS NOT NULL THEN 'queued'
                   WHEN age.age_from < now() - :age_limit_seconds * interval '1 second' THEN 'failed'
                   WHEN quiet_zones.opens_at IS NOT NULL THEN 'queued'
                   ELSE 'sending'
               END::delivery_status AS status
        FROM due
        JOIN deliveries USING (delivery_id)
        JOIN messages ON messages.message_id = due.message_id
        CROSS JOIN LATERAL (
            SELECT greatest(
                messages.send_at, messages.resumed_at, deliveries.age_from,
                CASE WHEN deliveries.reason = 'quiet hours' THEN due.due_at END
            ) AS age_from
        ) AS age
        LEFT JOIN quiet_zones ON quiet_zones.zones = due.zones AND messages.urgent_reason IS NULL
        LEFT JOIN opt_outs ON opt_outs.church_id = :church_id AND opt_outs.address = deliveries.address
    ) AS decided
), taken AS MATERIALIZED (
    SELECT with_running_total.*
    FROM (
        SELECT with_cost.*, sum(segments) OVER (ORDER BY due_at, delivery_id) - segments AS segments_before
        FROM with_cost
    ) AS with_running_total
    CROSS JOIN sender
    WHERE sender.segments_per_second IS NULL
       OR with_running_total.segments_before + with_running_total.segments <= sender.available
       OR with_running_total.segments_before = 0 AND sender.available >= 1
), charged_sender AS (
    UPDATE senders
    SET tokens = sender.available - (SELECT coalesce(sum(segments), 0) FROM taken),
        tokens_at = sender.filled_at,
        ran_dry = (SELECT count(*) FROM taken) = (SELECT count(*) FROM due)
            AND (SELECT count(*) FROM due) < :row_limit
    FROM sender
    WHERE senders.church_id = :church_id AND senders.channel = :channel
      AND sender.segments_per_second IS NOT NULL
), claimed AS (
    UPDATE deliveries
    SET status = taken.status,
        reason = CASE
            WHEN taken.status = 'suppressed' THEN 'opted out'
            WHEN taken.status = 'failed' THEN 'too late to be sent'
            WHEN taken.status = 'queued' AND taken.opens_at IS NOT NULL THEN 'quiet hours'
        END,
        attempts = deliveries.attempts + CASE WHEN taken.status = 'sending' THEN 1 ELSE 0 END,
        due_at = CASE WHEN taken.status = 'queued' THEN coalesce(taken.opens_at, now() + interval '5 seconds')
                      ELSE deliveries.due_at END,
        lease_until = CASE WHEN taken.status = 'sending' THEN now() + :lease_seconds * interval '1 second' END,
        -- The claim overwrites the reason and may overwrite due_at, from which the age of a quiet delivery is derived.
        age_from = CASE WHEN deliveries.reason = 'quiet hours' THEN taken.age_from ELSE deliveries.age_from END,
        missed_reads = 0,
        updated_at = now()
    FROM taken
    WHERE deliveries.delivery_id = taken.delivery_id
    RETURNING deliveries.delivery_id, deliveries.attempts AS attempt, deliveries.address, deliveries.status,
              deliveries.tries, taken.content, taken.details, taken.request_id, taken.due_at, taken.age_from
)
SELECT claimed.delivery_id, claimed.attempt, claimed.address, claimed.content, claimed.details, claimed.request_id,
       claimed.tries, extract(epoch FROM now() - claimed.age_from)::double precision AS age_seconds,
       sender.address AS sender_address, sender.messaging_service_sid, sender.details AS sender_details,
       claimed.status = 'sending' AS to_submit
FROM claimed
CROSS JOIN sender
ORDER BY claimed.due_at, claimed.delivery_id;

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
    WHERE delivery_id = ANY (:delivery_ids::uuid[])
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

-- name: due_batches
-- Churches and channels with due deliveries whose sender may send now, or is paused by a refusal that no job has reported
-- yet. One index probe for each sender.
SELECT senders.church_id, senders.channel
FROM senders
WHERE (
      senders.paused_at IS NULL AND senders.slowed_until <= now()
      AND (
          senders.segments_per_second IS NULL
          OR senders.tokens + senders.segments_per_second
              * extract(epoch FROM clock_timestamp() - senders.tokens_at) >= 1
      )
      OR senders.paused_at IS NOT NULL AND senders.paused_by IS NULL
  )
  AND EXISTS (
      SELECT FROM deliveries
      WHERE deliveries.church_id = senders.church_id AND deliveries.channel = senders.channel
        AND deliveries.status = 'queued' AND deliveries.due_at <= now()
  );

-- name: page_deliveries
-- `after` always bounds the index scan, also in a generic plan.
SELECT delivery_id, contact_id, address, status, reason, error_code, attempts, carrier_id, updated_at,
       CASE WHEN status = 'queued' AND due_at > now() AND due_at < 'infinity' THEN due_at END AS waits_until
FROM deliveries
WHERE church_id = :church_id AND message_id = :message_id
  AND delivery_id > :after
  AND (:statuses::text[] IS NULL OR status = ANY (:statuses::delivery_status[]))
ORDER BY delivery_id
LIMIT :row_limit;
