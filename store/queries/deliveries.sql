-- name: lock_sender
-- In a statement of its own before the claim, which then begins, and looks at who opted out, when the wait is over.
SELECT FROM senders WHERE church_id = :church_id AND channel = :channel FOR UPDATE;

-- name: pace_after_claim
-- What a paced sender may do next: nothing if nothing more is due, or when the next segment's token is there.
SELECT greatest(0, (1 - tokens) / segments_per_second)
FROM senders
WHERE church_id = :church_id AND channel = :channel AND segments_per_second IS NOT NULL AND NOT ran_dry;

-- name: claim
-- One turn's share: the church's oldest due deliveries, no more than its sender's pace allows now. The sender's row is
-- locked first, so that the token bucket is exact across all workers. A delivery is taken when there are tokens for all of
-- it; only the first may overdraw, so that a text of any length goes out, and the next waits for it. The bucket holds what two
-- seconds bring, for workers that come late. A sender with nothing left to send gathers no more than a single token: so
-- it is never ahead of its pace, counted from its first text.
-- What a person said since the delivery was queued is heeded here, before anything is submitted: a recipient who opted
-- out is suppressed, a canceled message's delivery canceled, a paused one's put off. For a little: whoever resumed
-- the message just now did not see this delivery, nor was seen by this claim. And who is outside the hours for texting, or
-- would be before a turn's lease ends, is put off until they begin: judged once for each zone among those due.
-- A delivery whose age is past the limit fails: its sender was out of order for days, say, and the text is stale. The age counts
-- from the latest of: its message's hour, a person's word (resumed, retried, resolved), the end of the quiet hours it waited for.
-- A delivery about which a receipt waits to be applied is left: it may say that the recipient has it. OFFSET 0 keeps this a
-- probe of a small index for each delivery that is due: as a join the planner might read all waiting receipts for each claim.
WITH sender AS MATERIALIZED (
    SELECT address, messaging_service_sid, details, segments_per_second,
           least(
               CASE WHEN ran_dry THEN 1 ELSE greatest(1, 2 * segments_per_second) END,
               tokens + segments_per_second * extract(epoch FROM clock_timestamp() - tokens_at)
           ) AS available,
           clock_timestamp() AS filled_at -- and not when the claim ends: its own time fills the bucket too
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
), opening AS MATERIALIZED (
    SELECT places.zones,
           coalesce(
               quiet_until(now(), places.zones, churches.time_zone, churches.window_opens, churches.window_closes),
               quiet_until(
                   now() + :lease_seconds * interval '1 second', places.zones, churches.time_zone,
                   churches.window_opens, churches.window_closes
               )
           ) AS opens_at
    FROM (SELECT DISTINCT zones FROM due) AS places
    JOIN churches ON churches.church_id = :church_id
    WHERE :keeps_quiet_hours::boolean
), priced AS (
    SELECT judged.*,
           CASE WHEN judged.status = 'sending' THEN judged.message_segments ELSE 0 END AS segments
    FROM (
        SELECT due.delivery_id, due.due_at, messages.content, messages.details, messages.request_id,
               messages.segments AS message_segments, opening.opens_at, meant.age_from,
               CASE
                   WHEN opt_outs.address IS NOT NULL THEN 'suppressed'
                   WHEN messages.canceled_at IS NOT NULL THEN 'canceled'
                   WHEN messages.paused_at IS NOT NULL THEN 'queued'
                   WHEN meant.age_from < now() - :age_limit_seconds * interval '1 second' THEN 'failed'
                   WHEN opening.opens_at IS NOT NULL THEN 'queued'
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
        ) AS meant
        LEFT JOIN opening ON opening.zones = due.zones AND messages.urgent_reason IS NULL
        LEFT JOIN opt_outs ON opt_outs.church_id = :church_id AND opt_outs.address = deliveries.address
    ) AS judged
), taken AS MATERIALIZED (
    SELECT spending.*
    FROM (
        SELECT priced.*, sum(segments) OVER (ORDER BY due_at, delivery_id) - segments AS spent_before
        FROM priced
    ) AS spending
    CROSS JOIN sender
    WHERE sender.segments_per_second IS NULL
       OR spending.spent_before + spending.segments <= sender.available
       OR spending.spent_before = 0 AND sender.available >= 1
), paid AS (
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
        -- It is no longer told by the hour that it waited for.
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
-- Before deliveries go back to the queue; messages are locked before their deliveries, as by people who steer them. Also what
-- seems open: somebody may be marking it as completed just now, and this then comes after.
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
-- Only while the delivery is still in the attempt that the outcome is of: a receipt may have come first. A claimer who
-- outlived the lease still knows what the carrier said, so its word ends the doubt of a delivery held as unknown. And it knows
-- best under which id the carrier took this attempt, also when the delivery was held to be sent under another one.
-- Raises a unique violation when another delivery holds one of the ids: see `find_id_conflicts`.
-- Rows are locked in the order of their ids, as everywhere, so that bulk writers never deadlock. The outcomes go along with
-- the locked rows: joined a second time they would be compared each with each, for the planner cannot know how many they are.
WITH mine AS (
    SELECT outcome.*
    FROM deliveries
    JOIN unnest(
        :delivery_ids::uuid[], :attempts::int[], :statuses::text[], :carrier_ids::text[], :error_codes::text[],
        :reasons::text[], :delays_seconds::double precision[], :tries_added::int[]
    ) AS outcome (delivery_id, attempt, status, carrier_id, error_code, reason, delay_seconds, tries_added)
        USING (delivery_id)
    WHERE deliveries.attempts = outcome.attempt
      -- Also one that was believed lost and waits to be sent again: the carrier has it after all.
      AND (
          deliveries.status IN ('sending', 'unknown')
          OR deliveries.status = 'queued' AND outcome.status = 'sent'
          OR deliveries.status = 'sent' AND outcome.status = 'sent' AND outcome.carrier_id <> deliveries.carrier_id
      )
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
)
UPDATE deliveries
SET status = mine.status::delivery_status,
    carrier_id = coalesce(mine.carrier_id, deliveries.carrier_id),
    error_code = mine.error_code,
    reason = mine.reason,
    due_at = CASE WHEN mine.delay_seconds IS NOT NULL THEN clock_timestamp() + mine.delay_seconds * interval '1 second'
                  -- One of a paused message was due never: now it is to be asked after.
                  WHEN mine.status = 'sent' THEN least(deliveries.due_at, now())
                  ELSE deliveries.due_at END,
    tries = deliveries.tries + mine.tries_added,
    lease_until = NULL,
    updated_at = now()
FROM mine
WHERE deliveries.delivery_id = mine.delivery_id;

-- name: store_acceptances_as_receipts!
-- What the carrier accepted under an id that the delivery does not hold, because it is in another attempt or had its end
-- before: kept as a receipt, which is applied like any other. So it stops an attempt that is not claimed yet, and nobody takes
-- the text for another delivery's.
INSERT INTO receipts (delivery_id, attempt, carrier_id, status)
SELECT deliveries.delivery_id, outcome.attempt, outcome.carrier_id, 'sent'
FROM unnest(:delivery_ids::uuid[], :attempts::int[], :statuses::text[], :carrier_ids::text[])
    AS outcome (delivery_id, attempt, status, carrier_id)
JOIN deliveries USING (delivery_id)
WHERE outcome.status = 'sent' AND outcome.carrier_id IS DISTINCT FROM deliveries.carrier_id
  AND outcome.carrier_id IS NOT NULL
ORDER BY outcome.carrier_id
ON CONFLICT (carrier_id, status) DO NOTHING;

-- name: find_id_conflicts
-- Deliveries whose acceptance came under an id that another delivery holds; whether the carrier's own callbacks say that it is
-- that one's.
SELECT outcome.delivery_id, outcome.carrier_id,
       EXISTS (
           SELECT FROM receipts
           WHERE receipts.carrier_id = outcome.carrier_id AND receipts.delivery_id = holders.delivery_id
       ) AS is_proven
FROM unnest(:delivery_ids::uuid[], :carrier_ids::text[]) AS outcome (delivery_id, carrier_id)
JOIN deliveries AS holders
    ON holders.carrier_id = outcome.carrier_id AND holders.delivery_id <> outcome.delivery_id;

-- name: opt_out_recipients!
-- From what the carrier refused: the address stands on the delivery. In order, so that two turns of one church that
-- learn of the same people at once wait for one another in the same order. As opt_outs.opt_out does for one address.
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
-- Claimed, and never heard of again: the carrier may have it, so it is in doubt from now on, and looked for there.
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
-- Churches and channels with something due that their sender may send now, or whose refusal no job has told of yet. One
-- small index probe a sender.
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
-- The start is always a bound of the index, also in a plan made before `after` is known.
SELECT delivery_id, contact_id, address, status, reason, error_code, attempts, carrier_id, updated_at,
       CASE WHEN status = 'queued' AND due_at > now() AND due_at < 'infinity' THEN due_at END AS waits_until
FROM deliveries
WHERE church_id = :church_id AND message_id = :message_id
  AND delivery_id > :after
  AND (:statuses::text[] IS NULL OR status = ANY (:statuses::delivery_status[]))
ORDER BY delivery_id
LIMIT :row_limit;
