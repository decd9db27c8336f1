-- name: suspend_church
-- Returns no row when the church is suspended already: the first suspension stays.
UPDATE churches
SET suspended_at = now(), suspended_reason = :reason
WHERE church_id = :church_id AND suspended_at IS NULL
RETURNING church_id;

-- name: suspend_senders!
-- Run after suspend_church, which locks the church: a sender that is set meanwhile waits for that lock. Waits for claims that
-- are under way, so that no claim begins after the commit. The clock sets next_claim_at again after the suspension.
UPDATE senders
SET church_suspended = true, next_claim_at = NULL
FROM (SELECT church_id, channel FROM senders WHERE church_id = :church_id ORDER BY channel FOR UPDATE) AS locked
WHERE senders.church_id = locked.church_id AND senders.channel = locked.channel;

-- name: resume_church
-- Returns no row when the church is not suspended.
UPDATE churches
SET suspended_at = NULL, suspended_reason = NULL
FROM (
    SELECT church_id, suspended_at, suspended_reason FROM churches WHERE church_id = :church_id FOR UPDATE
) AS previous
WHERE churches.church_id = previous.church_id AND churches.suspended_at IS NOT NULL
RETURNING previous.suspended_at, previous.suspended_reason;

-- name: resume_senders
-- Returns the channels. Senders that the carrier refused stay paused.
UPDATE senders
SET church_suspended = false
WHERE church_id = :church_id
RETURNING channel;

-- name: get_suspension
SELECT suspended_at, suspended_reason AS reason
FROM churches
WHERE church_id = :church_id AND suspended_at IS NOT NULL;

-- name: count_waiting
-- Due deliveries of a church, and how many of them are older than the limit, with which the next claim fails them. The age
-- counts as in the claim (claims.sql). Reads at most `row_limit` deliveries of each channel.
SELECT count(*) AS due,
       count(*) FILTER (
           WHERE greatest(
               messages.send_at, messages.resumed_at, waiting.age_from,
               CASE WHEN waiting.reason = 'quiet hours' THEN waiting.due_at END
           ) < now() - :age_limit_seconds * interval '1 second'
       ) AS too_late
FROM senders
CROSS JOIN LATERAL (
    SELECT deliveries.message_id, deliveries.due_at, deliveries.age_from, deliveries.reason
    FROM deliveries
    WHERE deliveries.church_id = senders.church_id AND deliveries.channel = senders.channel
      AND deliveries.status = 'queued' AND deliveries.due_at <= now()
    ORDER BY deliveries.due_at
    LIMIT :row_limit
) AS waiting
JOIN messages ON messages.message_id = waiting.message_id
WHERE senders.church_id = :church_id;
