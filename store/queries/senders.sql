-- name: upsert_sender!
-- Changing a sender resumes it, because the change is assumed to fix what was refused. paused_by stays until the failed job
-- is withdrawn. The clock sets next_claim_at again if there is a pace and something is due.
INSERT INTO senders (church_id, channel, address, messaging_service_sid, details, segments_per_second)
VALUES (:church_id, :channel, :address, :messaging_service_sid, :details, :segments_per_second)
ON CONFLICT (church_id, channel) DO UPDATE
SET address = excluded.address,
    details = excluded.details,
    messaging_service_sid = excluded.messaging_service_sid,
    segments_per_second = excluded.segments_per_second,
    next_claim_at = NULL,
    paused_at = NULL,
    paused_reason = NULL,
    slowed_until = '-infinity',
    slowdowns = 0;

-- name: has_sender
SELECT EXISTS (SELECT FROM senders WHERE church_id = :church_id AND channel = :channel);

-- name: pause_sender!
UPDATE senders
SET paused_at = now(), paused_reason = :reason, paused_by = NULL
WHERE church_id = :church_id AND channel = :channel AND paused_at IS NULL;

-- name: report_refusal
-- Only one job reports a refusal: the first one becomes paused_by and fails, so that operators see it.
UPDATE senders
SET paused_by = :job_id
WHERE church_id = :church_id AND channel = :channel AND paused_at IS NOT NULL AND paused_by IS NULL
RETURNING paused_reason;

-- name: resume_sender
-- Without :paused_by, always: paused_by then stays until the failed job is withdrawn. With :paused_by, only if this job
-- reported the refusal: the job itself ends, so that nothing is left to withdraw. Returns the reason of the pause.
UPDATE senders
SET paused_at = NULL,
    paused_reason = NULL,
    paused_by = CASE WHEN :paused_by::text IS NULL THEN senders.paused_by END,
    slowed_until = '-infinity',
    slowdowns = 0
FROM (
    SELECT church_id, channel, paused_reason
    FROM senders
    WHERE church_id = :church_id AND channel = :channel
    FOR UPDATE
) AS previous
WHERE senders.church_id = previous.church_id AND senders.channel = previous.channel AND senders.paused_at IS NOT NULL
  AND (:paused_by::text IS NULL OR senders.paused_by = :paused_by::text)
RETURNING previous.paused_reason;

-- name: failed_jobs_of_resumed
-- Failed jobs that reported the refusal of a sender which was resumed since.
SELECT church_id, channel, paused_by AS job_id
FROM senders
WHERE paused_at IS NULL AND paused_by IS NOT NULL;

-- name: forget_failed_job!
UPDATE senders
SET paused_by = NULL
WHERE church_id = :church_id AND channel = :channel AND paused_at IS NULL AND paused_by = :job_id;

-- name: throttle_sender!
-- Consecutive throttles pause longer: `pauses_seconds` lists the pauses (messaging/backoff.py). Each is shortened by a random
-- share of up to `jitter`. A pause is never shorter than the carrier asks, also when it asks again during a pause.
UPDATE senders
SET slowed_until = greatest(
        slowed_until,
        now() + interval '1 second' * greatest(
            :at_least_seconds,
            CASE WHEN slowed_until <= now()
                 THEN (:pauses_seconds::double precision[])[least(slowdowns + 1, cardinality(:pauses_seconds::double precision[]))]
                     * (1 - :jitter::double precision * random()) END
        )
    ),
    slowdowns = CASE WHEN slowed_until <= now() THEN least(slowdowns + 1, 100) ELSE slowdowns END
WHERE church_id = :church_id AND channel = :channel;

-- name: reset_throttle!
UPDATE senders
SET slowdowns = 0
FROM (
    SELECT church_id
    FROM senders
    WHERE church_id = ANY (:church_ids::uuid[]) AND channel = :channel AND slowdowns > 0 AND slowed_until <= now()
    ORDER BY church_id
    FOR UPDATE
) AS throttled
WHERE senders.church_id = throttled.church_id AND senders.channel = :channel;

-- name: list_carrier_senders
-- For the checks of an operator: what the carrier must know. A church may have the same number for two channels.
SELECT channel, address, messaging_service_sid, count(*)::int AS churches
FROM senders
WHERE channel = ANY (:channels::text[])
GROUP BY channel, address, messaging_service_sid
ORDER BY channel, address, messaging_service_sid;
