-- name: get_quota
-- The quota of a church, and what is counted in its present month.
SELECT churches.name, churches.time_zone, churches.monthly_segment_quota AS quota, present.month,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE monthly_segments.church_id = churches.church_id AND monthly_segments.month = present.month
       ), 0) AS counted
FROM churches
CROSS JOIN LATERAL (
    SELECT date_trunc('month', now() AT TIME ZONE churches.time_zone)::date AS month
) AS present
WHERE churches.church_id = :church_id;

-- name: set_quota!
UPDATE churches SET monthly_segment_quota = :quota WHERE church_id = :church_id;

-- name: lock_months
-- A statement of its own, so that the next one sees what was committed while this one waited.
SELECT FROM monthly_segments WHERE church_id = :church_id AND month >= :month::date ORDER BY month FOR UPDATE;

-- name: recount_months!
-- Counts the present month and later ones from their days: a former release, which may have run until now, counts days only.
INSERT INTO monthly_segments (church_id, month, segments)
SELECT church_id, date_trunc('month', day)::date AS month, sum(segments)
FROM daily_segments
WHERE church_id = :church_id AND day >= :month::date
GROUP BY 1, 2
ORDER BY 2
ON CONFLICT (church_id, month) DO UPDATE SET segments = excluded.segments;
