-- name: get_limits
SELECT churches.name, churches.time_zone, churches.daily_segment_limit, churches.regions,
       (now() AT TIME ZONE churches.time_zone)::date AS day,
       coalesce(daily_segments.segments, 0) AS counted
FROM churches
LEFT JOIN daily_segments ON daily_segments.church_id = churches.church_id
    AND daily_segments.day = (now() AT TIME ZONE churches.time_zone)::date
WHERE churches.church_id = :church_id;

-- name: set_daily_limit!
UPDATE churches SET daily_segment_limit = :daily_limit WHERE church_id = :church_id;

-- name: set_regions!
UPDATE churches SET regions = :regions WHERE church_id = :church_id;

-- name: get_regions
SELECT coalesce(regions, :default_regions::text[]) FROM churches WHERE church_id = :church_id;
