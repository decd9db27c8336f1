-- name: set_next_claims!
-- Sets the next claim of paced senders that had nothing due at their last claim and have something now: of these churches on
-- one channel, or of all. They have one token at most (compare the claim in claims.sql). OFFSET 0 makes this one index probe
-- for each of them. Skips senders that are locked: most often a worker is claiming for them. If that claim misses a delivery,
-- the clock repeats this statement within a second or two.
-- At most `row_limit` senders, by ctid: joined with the locked rows, a plan that was made when the tables were small might
-- compare thousands of senders with each other.
UPDATE senders
SET tokens = least(1, tokens + segments_per_second * extract(epoch FROM statement_timestamp() - tokens_at)),
    tokens_at = statement_timestamp(),
    next_claim_at = statement_timestamp() + interval '1 second' * greatest(
        0,
        (1 - least(1, tokens + segments_per_second * extract(epoch FROM statement_timestamp() - tokens_at)))
            / segments_per_second
    )
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM senders
    WHERE segments_per_second IS NOT NULL AND next_claim_at IS NULL AND paused_at IS NULL AND NOT church_suspended
      AND (:church_ids::uuid[] IS NULL OR church_id = ANY (:church_ids::uuid[]) AND channel = :channel)
      AND EXISTS (
          SELECT FROM deliveries
          WHERE deliveries.church_id = senders.church_id AND deliveries.channel = senders.channel
            AND deliveries.status = 'queued' AND deliveries.due_at <= now()
          OFFSET 0
      )
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
));

-- name: paced_among
-- Which of these churches have a pace on the channel.
SELECT church_id
FROM senders
WHERE church_id = ANY (:church_ids::uuid[]) AND channel = :channel AND segments_per_second IS NOT NULL;

-- name: seconds_to_next_claim
-- Until the first paced sender of the channel may send, negative if it could before; NULL if none is waiting, or all that are
-- waiting are throttled: the clock finds those when their pause has ended.
SELECT extract(epoch FROM min(next_claim_at) - clock_timestamp())::double precision
FROM senders
WHERE channel = :channel AND next_claim_at IS NOT NULL AND paused_at IS NULL AND NOT church_suspended
  AND slowed_until <= now();

-- name: channels_to_claim
-- Channels with paced senders whose next claim is due.
SELECT DISTINCT channel
FROM senders
WHERE next_claim_at <= statement_timestamp() AND paused_at IS NULL AND NOT church_suspended AND slowed_until <= now();
