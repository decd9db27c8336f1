-- name: insert_schedule
-- Returns no row when the church has used the idempotency key before.
INSERT INTO schedules (
    church_id, channel, content, details, segments, target_type, target, urgent_reason, rule_kind, rule, time_zone,
    starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at, next_wall_time,
    idempotency_key, request_hash, merge_fields
)
VALUES (
    :church_id, :channel, :content, :details, :segments, :target_type, :target, :urgent_reason, :rule_kind, :rule,
    :time_zone, :starts_at, :ends_at, :counted_end, :shorten_links, :missed_policy, :missed_within_seconds, :next_run_at,
    :next_wall_time, :idempotency_key, :request_hash, :merge_fields
)
ON CONFLICT (church_id, idempotency_key) DO NOTHING
RETURNING schedule_id, church_id, channel, content, details, segments, target_type, target, urgent_reason, rule_kind,
          rule, time_zone, starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at,
          next_wall_time, paused_at, paused_reason, delayed_until, delay_reason, failed_evaluations, request_hash,
          created_at, updated_at;

-- name: find_by_idempotency_key
SELECT schedule_id, church_id, channel, content, details, segments, target_type, target, urgent_reason, rule_kind, rule,
       time_zone, starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at, next_wall_time,
       paused_at, paused_reason, delayed_until, delay_reason, failed_evaluations, request_hash, created_at, updated_at
FROM schedules
WHERE church_id = :church_id AND idempotency_key = :idempotency_key;

-- name: get_schedule
SELECT schedule_id, church_id, channel, content, details, segments, target_type, target, urgent_reason, rule_kind, rule,
       time_zone, starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at, next_wall_time,
       paused_at, paused_reason, delayed_until, delay_reason, failed_evaluations, request_hash, created_at, updated_at
FROM schedules
WHERE church_id = :church_id AND schedule_id = :schedule_id AND deleted_at IS NULL;

-- name: lock_schedule
-- Serializes people's changes of a schedule and the recording of its runs.
SELECT schedule_id, church_id, channel, content, details, segments, target_type, target, urgent_reason, rule_kind, rule,
       time_zone, starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at, next_wall_time,
       paused_at, paused_reason, delayed_until, delay_reason, failed_evaluations, request_hash, created_at, updated_at
FROM schedules
WHERE church_id = :church_id AND schedule_id = :schedule_id AND deleted_at IS NULL
FOR UPDATE;

-- name: page_schedules
-- Newest first. `before` always bounds the index scan, also in a generic plan.
SELECT schedule_id, church_id, channel, content, details, segments, target_type, target, urgent_reason, rule_kind, rule,
       time_zone, starts_at, ends_at, counted_end, shorten_links, missed_policy, missed_within_seconds, next_run_at, next_wall_time,
       paused_at, paused_reason, delayed_until, delay_reason, failed_evaluations, request_hash, created_at, updated_at
FROM schedules
WHERE church_id = :church_id
  AND schedule_id < :before
  AND deleted_at IS NULL
ORDER BY schedule_id DESC
LIMIT :row_limit;

-- name: change_schedule!
UPDATE schedules
SET channel = :channel,
    content = :content,
    details = :details,
    segments = :segments,
    merge_fields = :merge_fields,
    target_type = :target_type,
    target = :target,
    urgent_reason = :urgent_reason,
    rule_kind = :rule_kind,
    rule = :rule,
    time_zone = :time_zone,
    starts_at = :starts_at,
    ends_at = :ends_at,
    counted_end = :counted_end,
    shorten_links = :shorten_links,
    missed_policy = :missed_policy,
    missed_within_seconds = :missed_within_seconds,
    next_run_at = :next_run_at,
    next_wall_time = :next_wall_time,
    delayed_until = NULL,
    delay_reason = NULL,
    failed_evaluations = 0,
    updated_at = now()
WHERE church_id = :church_id AND schedule_id = :schedule_id;

-- name: pause_schedule!
-- Runs of a paused schedule are recorded as skipped.
UPDATE schedules
SET paused_at = now(), paused_reason = :reason, updated_at = now()
WHERE church_id = :church_id AND schedule_id = :schedule_id AND paused_at IS NULL;

-- name: delay_schedule!
-- next_run_at stays: the run is evaluated later, and is not lost.
UPDATE schedules
SET delayed_until = :delayed_until, delay_reason = :reason, failed_evaluations = failed_evaluations + 1
WHERE church_id = :church_id AND schedule_id = :schedule_id;

-- name: lock_church
-- One new schedule of a church at a time: concurrent requests would otherwise exceed the limit together.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: count_schedules
-- Schedules with a future run, paused ones included.
SELECT count(*)
FROM schedules
WHERE church_id = :church_id AND deleted_at IS NULL AND next_run_at IS NOT NULL;

-- name: resume_schedule!
UPDATE schedules
SET paused_at = NULL, paused_reason = NULL, next_run_at = :next_run_at, next_wall_time = :next_wall_time,
    delayed_until = NULL, delay_reason = NULL, failed_evaluations = 0, updated_at = now()
WHERE church_id = :church_id AND schedule_id = :schedule_id AND paused_at IS NOT NULL;

-- name: delete_schedule!
UPDATE schedules
SET deleted_at = now(), updated_at = now()
WHERE church_id = :church_id AND schedule_id = :schedule_id AND deleted_at IS NULL;
