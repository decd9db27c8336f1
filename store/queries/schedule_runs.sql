-- name: read_clock
-- The database's clock, by which everything is due.
SELECT clock_timestamp();

-- name: lock_due
-- Locks schedules with a due run, except those whose evaluation failed and is delayed. Round-robin over churches (each church's
-- first, then each church's second, ...), so that a church with hundreds of due schedules does not delay the others. Equal
-- ranks are in random order: if each pass only reaches a few, the same ones would otherwise always come first. The locks are
-- held until the runs are recorded and the next ones set, in one transaction: other processes skip these schedules, and a
-- process that dies leaves them unchanged.
WITH ranked AS (
    SELECT schedule_id, row_number() OVER (PARTITION BY church_id ORDER BY next_run_at, schedule_id) AS position
    FROM schedules
    WHERE next_run_at <= :now AND next_run_at IS NOT NULL AND deleted_at IS NULL
      AND (delayed_until IS NULL OR delayed_until <= :now)
)
SELECT schedules.schedule_id, church_id, channel, content, details, segments, target_type, target, urgent_reason,
       rule_kind, rule, time_zone, starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at,
       next_wall_time, paused_at, paused_reason, delayed_until, delay_reason, failed_evaluations, request_hash,
       created_at, updated_at
FROM ranked
JOIN schedules ON schedules.schedule_id = ranked.schedule_id
-- The conditions again, for a row that another process has updated since `ranked` read it. They are written so that no index
-- matches them: the planner is to find the rows by primary key instead of scanning all due schedules for each.
WHERE coalesce(next_run_at, 'infinity') <= :now AND deleted_at IS NULL AND coalesce(delayed_until, :now) <= :now
ORDER BY ranked.position, random()
LIMIT :row_limit
FOR UPDATE OF schedules SKIP LOCKED;

-- name: record_runs!
-- Records each run once and inserts its message. A run that is recorded already has no second message. A run of a church
-- that is suspended or has no sender is recorded as skipped, without a message; so is one with a merge field that was removed. A
-- message gets the merge fields of its schedule by a trigger (0023_merge_fields.sql). Counts the messages for /metrics.
WITH run AS (
    SELECT *
    FROM unnest(
        :schedule_ids::uuid[], :run_ats::timestamptz[], :wall_times::timestamp[], :outcomes::text[], :reasons::text[],
        :send_ats::timestamptz[]
    ) AS listed (schedule_id, run_at, wall_time, outcome, reason, send_at)
), recorded AS (
    INSERT INTO schedule_runs (schedule_id, run_at, church_id, wall_time, outcome, reason, message_id)
    SELECT run.schedule_id, run.run_at, schedules.church_id, run.wall_time,
           CASE WHEN run.outcome = 'sent' AND obstacle.reason IS NOT NULL THEN 'skipped' ELSE run.outcome END,
           CASE WHEN run.outcome = 'sent' AND obstacle.reason IS NOT NULL THEN obstacle.reason ELSE run.reason END,
           CASE WHEN run.outcome = 'sent' AND obstacle.reason IS NULL THEN uuidv7() END
    FROM run
    JOIN schedules ON schedules.schedule_id = run.schedule_id
    JOIN churches ON churches.church_id = schedules.church_id
    LEFT JOIN senders ON senders.church_id = schedules.church_id AND senders.channel = schedules.channel
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN churches.suspended_at IS NOT NULL THEN 'the church is suspended'
            WHEN senders.channel IS NULL THEN 'the church has no sender for it'
            WHEN EXISTS (
                SELECT
                FROM jsonb_array_elements(schedules.merge_fields -> 'fields') AS field
                WHERE field ->> 'name' <> ALL (:built_in_fields::text[]) AND NOT EXISTS (
                    SELECT FROM contact_fields
                    WHERE contact_fields.church_id = schedules.church_id AND contact_fields.name = field ->> 'name'
                )
            ) THEN 'its text has a merge field that contacts do not have any more'
        END AS reason
    ) AS obstacle
    ORDER BY run.run_at
    ON CONFLICT (schedule_id, run_at) DO NOTHING
    RETURNING schedule_id, run_at, message_id
), counted AS (
    INSERT INTO metric_changes (name, labels, value)
    SELECT 'koinonia_messages_accepted_total', jsonb_build_object('channel', schedules.channel, 'source', 'schedule'), count(*)
    FROM recorded
    JOIN schedules ON schedules.schedule_id = recorded.schedule_id
    WHERE recorded.message_id IS NOT NULL
    GROUP BY schedules.channel
)
INSERT INTO messages (
    message_id, church_id, channel, content, details, segments, target_type, target, request_hash, request_id,
    send_at, schedule_id, urgent_reason
)
SELECT recorded.message_id, schedules.church_id, schedules.channel, schedules.content, schedules.details,
       schedules.segments, schedules.target_type, schedules.target, schedules.request_hash,
       'schedule-' || schedules.schedule_id, run.send_at, schedules.schedule_id, schedules.urgent_reason
FROM recorded
JOIN run ON run.schedule_id = recorded.schedule_id AND run.run_at = recorded.run_at
JOIN schedules ON schedules.schedule_id = recorded.schedule_id
WHERE recorded.message_id IS NOT NULL;

-- name: set_next_runs!
-- A successful evaluation ends a delay, and has calculated counted_end if it was not known.
UPDATE schedules
SET next_run_at = evaluated.next_run_at, next_wall_time = evaluated.next_wall_time, counted_end = evaluated.counted_end,
    delayed_until = NULL, delay_reason = NULL, failed_evaluations = 0
FROM unnest(:schedule_ids::uuid[], :next_run_ats::timestamptz[], :next_wall_times::timestamp[], :counted_ends::timestamp[])
    AS evaluated (schedule_id, next_run_at, next_wall_time, counted_end)
WHERE schedules.schedule_id = evaluated.schedule_id;

-- name: pause_broken_schedules!
-- Pauses schedules whose rule cannot be evaluated, with the reason for people. Adds an entry of the audit for each that was not
-- paused before. RETURNING gives the new row, so the old state is read from the row as it was when the statement began.
WITH broken AS (
    SELECT listed.schedule_id, listed.reason, schedules.church_id, schedules.paused_at IS NULL AS was_active
    FROM unnest(:schedule_ids::uuid[], :reasons::text[]) AS listed (schedule_id, reason)
    JOIN schedules ON schedules.schedule_id = listed.schedule_id
), paused AS (
    UPDATE schedules
    SET paused_at = coalesce(schedules.paused_at, now()), paused_reason = broken.reason, updated_at = now()
    FROM broken
    WHERE schedules.schedule_id = broken.schedule_id
)
INSERT INTO audit_events (church_id, actor_kind, actor, action, subject, details)
SELECT church_id, 'service', 'schedules', 'schedule.paused', schedule_id::text, jsonb_build_object('reason', reason)
FROM broken
WHERE was_active;

-- name: record_manual_run!
-- The caller inserts the message in the same transaction.
INSERT INTO schedule_runs (schedule_id, run_at, church_id, outcome, reason, message_id)
VALUES (:schedule_id, clock_timestamp(), :church_id, 'sent', 'a person asked for it', :message_id);

-- name: page_runs
-- Newest first.
SELECT run_id, run_at, wall_time, outcome, reason, message_id, recorded_at
FROM schedule_runs
WHERE schedule_id = :schedule_id AND church_id = :church_id
  AND run_id < :before
ORDER BY run_id DESC
LIMIT :row_limit;
