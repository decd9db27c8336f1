-- name: list_definitions
-- Every group of the church: a few hundred at most.
SELECT group_id, condition FROM groups WHERE church_id = :church_id;

-- name: get_calendar
SELECT (now() AT TIME ZONE time_zone)::date AS today, time_zone FROM churches WHERE church_id = :church_id;
