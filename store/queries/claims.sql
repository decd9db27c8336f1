-- name: lock_sender
-- A statement of its own before the claim, so that the claim's snapshot is taken after the wait for the lock and includes
-- opt-outs that were committed meanwhile. Returns whether the sender has a pace.
-- The setting holds until the end of the transaction. Planning the claim takes longer than claiming for a small church, and
-- PostgreSQL would otherwise plan it anew for every other value of `row_limit`.
SELECT segments_per_second IS NOT NULL, set_config('plan_cache_mode', 'force_generic_plan', true)
FROM senders
WHERE church_id = :church_id AND channel = :channel
FOR UPDATE;

-- name: lock_ready_senders
-- The paced senders of a channel that may send now, the one that has waited longest first: as many as can use `row_limit`
-- deliveries. Skips senders that another transaction has locked: most often another worker is claiming for them. Like
-- lock_sender, a statement of its own before the claim, which computes the tokens in the same way.
SELECT ready.church_id
FROM (
    SELECT locked.church_id,
           sum(locked.tokens) OVER (ORDER BY locked.next_claim_at, locked.church_id) - locked.tokens AS tokens_before
    FROM (
        SELECT church_id, next_claim_at,
               floor(least(
                   1 + segments_per_second / 2,
                   tokens + segments_per_second * extract(epoch FROM clock_timestamp() - tokens_at)
               )) AS tokens
        FROM senders
        WHERE channel = :channel AND next_claim_at <= statement_timestamp() AND paused_at IS NULL AND NOT church_suspended
          AND slowed_until <= now()
        ORDER BY next_claim_at
        LIMIT :row_limit
        FOR UPDATE SKIP LOCKED
    ) AS locked
) AS ready
WHERE ready.tokens_before < :row_limit;

-- name: claim
-- Claims the oldest due deliveries of each church, as many as its sender's pace allows now. The caller has locked the senders.
-- One church's claim and the claim for many paced churches are this one statement, so that all are judged alike.
-- Pace: the sender's row is locked, so that the token bucket is exact across all workers. A delivery is taken if there are
-- tokens for all its segments. Only the first delivery may overdraw the bucket, so that a text of any length can be sent; the
-- next one then waits longer. The bucket holds one token and those of half a second, because workers may be late. A sender with
-- nothing due (next_claim_at is null) has one token at most, so that no message begins with a burst.
-- Rows: with `looks_ahead` up to `row_limit` of each church are read; without, no more than there are tokens for. The latter
-- is enough unless many deliveries are not to be submitted; `has_leftover` then says that tokens and due deliveries are left.
-- When as many were read as allowed, more may be due, and the next claim finds out.
-- Changes since the delivery was queued: the claim suppresses recipients who opted out of the church, or whom the carrier
-- refuses for this sender (one index probe each). Only a confirmation that was written within the last five minutes is sent to
-- them, as messaging/keyword_replies.py says: not one that waited for a paused sender or is retried. It cancels deliveries of canceled
-- messages, and postpones those of paused ones. These are postponed for 5 seconds only, not to infinity: a concurrent resume
-- may have missed this delivery.
-- Quiet hours: a delivery outside its texting hours, or whose hours end before the lease does, is postponed until they begin.
-- This is evaluated once for each time zone among the due deliveries of a church.
-- Merge fields: a delivery with values of its own gets its own text and segments; they were fixed when it was written.
-- Age: a delivery older than the limit fails, for example after its sender was paused for days. The age counts from the
-- latest of the message's send_at, a person's action (resume, retry, resolve), and the end of the quiet hours it waited for.
-- Receipts: a delivery with an unapplied receipt is skipped, because the receipt may show that the recipient has the
-- message. OFFSET 0 makes this an index probe for each due delivery; as a join the planner might read all unapplied receipts.
WITH sender AS MATERIALIZED (
    SELECT church_id, address, messaging_service_sid, details, segments_per_second, available, filled_at,
           CASE WHEN :looks_ahead::boolean THEN :row_limit ELSE least(:row_limit, floor(available)) END AS most_due
    FROM (
        SELECT senders.*,
               least(
                   CASE WHEN next_claim_at IS NULL THEN 1 ELSE 1 + segments_per_second / 2 END,
                   tokens + segments_per_second * extract(epoch FROM clock_timestamp() - tokens_at)
               ) AS available,
               clock_timestamp() AS filled_at -- not the time at which the claim ends: its duration earns tokens too
        FROM senders
        WHERE church_id = ANY (:church_ids::uuid[]) AND channel = :channel
          AND paused_at IS NULL AND NOT church_suspended AND slowed_until <= now()
    ) AS locked
    WHERE segments_per_second IS NULL OR available >= 1
), due AS MATERIALIZED (
    SELECT sender.church_id, coalesce(sender.messaging_service_sid, sender.address) AS sent_from, oldest.*
    FROM sender
    CROSS JOIN LATERAL (
        SELECT deliveries.delivery_id, deliveries.message_id, deliveries.due_at, deliveries.address, deliveries.reason,
               deliveries.age_from, coalesce(deliveries.time_zones, '') AS zones, deliveries.merge_values,
               deliveries.segments
        FROM deliveries
        WHERE deliveries.church_id = sender.church_id AND deliveries.channel = :channel
          AND deliveries.status = 'queued' AND deliveries.due_at <= now()
          AND NOT EXISTS (
              SELECT FROM receipts
              WHERE receipts.delivery_id = deliveries.delivery_id AND receipts.applied_at IS NULL
              OFFSET 0
          )
        ORDER BY deliveries.due_at, deliveries.delivery_id
        LIMIT sender.most_due
        FOR UPDATE OF deliveries SKIP LOCKED
    ) AS oldest
), quiet_zones AS MATERIALIZED (
    SELECT due_zones.church_id, due_zones.zones,
           coalesce(
               quiet_until(now(), due_zones.zones, churches.time_zone, churches.window_opens, churches.window_closes),
               quiet_until(
                   now() + :lease_seconds * interval '1 second', due_zones.zones, churches.time_zone,
                   churches.window_opens, churches.window_closes
               )
           ) AS opens_at
    FROM (SELECT DISTINCT church_id, zones FROM due) AS due_zones
    JOIN churches USING (church_id)
    WHERE :keeps_quiet_hours::boolean
), with_cost AS (
    SELECT decided.*,
           CASE WHEN decided.status = 'sending' THEN decided.own_segments ELSE 0 END AS segments
    FROM (
        SELECT due.church_id, due.delivery_id, due.due_at, messages.request_id, quiet_zones.opens_at, age.age_from,
               delivery_content(messages.content, messages.merge_fields, due.merge_values) AS content,
               CASE WHEN due.merge_values IS NULL THEN messages.details
                    ELSE delivery_details(messages.details, messages.merge_fields, due.merge_values) END AS details,
               coalesce(due.segments, messages.segments) AS own_segments,
               CASE
                   WHEN (opt_outs.address IS NOT NULL OR sender_opt_outs.address IS NOT NULL)
                        AND NOT (messages.kind = 'confirmation' AND messages.created_at > now() - interval '5 minutes')
                        THEN 'suppressed'
                   WHEN messages.canceled_at IS NOT NULL THEN 'canceled'
                   WHEN messages.paused_at IS NOT NULL THEN 'queued'
                   WHEN age.age_from < now() - :age_limit_seconds * interval '1 second' THEN 'failed'
                   WHEN quiet_zones.opens_at IS NOT NULL THEN 'queued'
                   ELSE 'sending'
               END::delivery_status AS status
        FROM due
        JOIN messages ON messages.message_id = due.message_id
        CROSS JOIN LATERAL (
            SELECT greatest(
                messages.send_at, messages.resumed_at, due.age_from,
                CASE WHEN due.reason = 'quiet hours' THEN due.due_at END
            ) AS age_from
        ) AS age
        LEFT JOIN quiet_zones
            ON quiet_zones.church_id = due.church_id AND quiet_zones.zones = due.zones AND messages.urgent_reason IS NULL
        LEFT JOIN opt_outs ON opt_outs.church_id = due.church_id AND opt_outs.address = due.address
        LEFT JOIN sender_opt_outs
            ON sender_opt_outs.church_id = due.church_id AND sender_opt_outs.address = due.address
            AND sender_opt_outs.sender = due.sent_from
    ) AS decided
), taken AS MATERIALIZED (
    SELECT with_running_total.*
    FROM (
        SELECT with_cost.*,
               sum(segments) OVER (PARTITION BY church_id ORDER BY due_at, delivery_id) - segments AS segments_before
        FROM with_cost
    ) AS with_running_total
    JOIN sender USING (church_id)
    WHERE sender.segments_per_second IS NULL
       OR with_running_total.segments_before + with_running_total.segments <= sender.available
       OR with_running_total.segments_before = 0
), sender_after AS MATERIALIZED (
    SELECT sender.*, sender.available - coalesce(spent.segments, 0) AS tokens_left,
           coalesce(spent.taken, 0) = coalesce(found.due, 0) AND coalesce(found.due, 0) < sender.most_due AS has_nothing_due
    FROM sender
    LEFT JOIN (SELECT church_id, sum(segments) AS segments, count(*) AS taken FROM taken GROUP BY church_id) AS spent
        USING (church_id)
    LEFT JOIN (SELECT church_id, count(*) AS due FROM due GROUP BY church_id) AS found USING (church_id)
), charged_senders AS (
    UPDATE senders
    SET tokens = sender_after.tokens_left,
        tokens_at = sender_after.filled_at,
        next_claim_at = CASE
            WHEN NOT sender_after.has_nothing_due THEN sender_after.filled_at
                + greatest(0, (1 - sender_after.tokens_left) / sender_after.segments_per_second) * interval '1 second'
        END
    FROM sender_after
    WHERE senders.church_id = sender_after.church_id AND senders.channel = :channel
      AND sender_after.segments_per_second IS NOT NULL
), claimed AS (
    UPDATE deliveries
    SET status = taken.status,
        reason = CASE
            WHEN taken.status = 'suppressed' THEN 'opted out'
            WHEN taken.status = 'failed' THEN 'too late to be sent'
            WHEN taken.status = 'queued' AND taken.opens_at IS NOT NULL THEN 'quiet hours'
        END,
        attempts = deliveries.attempts + CASE WHEN taken.status = 'sending' THEN 1 ELSE 0 END,
        merged_attempt = CASE WHEN deliveries.merge_values IS NOT NULL THEN deliveries.attempts + 1 END,
        due_at = CASE WHEN taken.status = 'queued' THEN coalesce(taken.opens_at, now() + interval '5 seconds')
                      ELSE deliveries.due_at END,
        lease_until = CASE WHEN taken.status = 'sending' THEN now() + :lease_seconds * interval '1 second' END,
        -- The claim overwrites the reason and may overwrite due_at, from which the age of a quiet delivery is derived.
        age_from = CASE WHEN deliveries.reason = 'quiet hours' THEN taken.age_from ELSE deliveries.age_from END,
        missed_reads = 0,
        updated_at = now()
    FROM taken
    WHERE deliveries.delivery_id = taken.delivery_id
    RETURNING taken.church_id, deliveries.delivery_id, deliveries.attempts AS attempt, deliveries.address,
              deliveries.status, deliveries.tries, taken.content, taken.details, taken.request_id, taken.due_at,
              taken.age_from
)
SELECT claimed.church_id, claimed.delivery_id, claimed.attempt, claimed.address, claimed.content, claimed.details,
       claimed.request_id, claimed.tries, extract(epoch FROM now() - claimed.age_from)::double precision AS age_seconds,
       sender_after.address AS sender_address, sender_after.messaging_service_sid, sender_after.details AS sender_details,
       claimed.status = 'sending' AS to_submit,
       sender_after.tokens_left >= 1 AND NOT sender_after.has_nothing_due AS has_leftover
FROM claimed
JOIN sender_after USING (church_id)
ORDER BY claimed.due_at, claimed.delivery_id;

-- name: churches_with_nothing_due
-- Of these churches with a pace, those of which the claim in this transaction found that nothing more is due.
SELECT church_id
FROM senders
WHERE church_id = ANY (:church_ids::uuid[]) AND channel = :channel AND next_claim_at IS NULL;

-- name: due_churches
-- Churches and channels for which the clock enqueues a job of their own: due deliveries of a sender without a pace that may
-- send now, or a sender that is paused by a refusal which no job has reported yet. What has been due the longest comes first:
-- usually a job or a worker is on its way to these churches already, and the limit keeps the queue short.
-- LATERAL makes this one index probe for each such sender; as a join the planner might read all due deliveries.
SELECT senders.church_id, senders.channel
FROM senders
CROSS JOIN LATERAL (
    SELECT deliveries.due_at
    FROM deliveries
    WHERE deliveries.church_id = senders.church_id AND deliveries.channel = senders.channel
      AND deliveries.status = 'queued' AND deliveries.due_at <= now()
    ORDER BY deliveries.due_at
    LIMIT 1
) AS oldest
WHERE senders.segments_per_second IS NULL AND senders.paused_at IS NULL AND NOT senders.church_suspended
      AND senders.slowed_until <= now()
   OR senders.paused_at IS NOT NULL AND senders.paused_by IS NULL
ORDER BY oldest.due_at
LIMIT :row_limit;
