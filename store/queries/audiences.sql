-- name: count_recipients
-- How many of a target get something (reason NULL), and how many do not, by reason.
WITH message AS (
    SELECT churches.church_id AS message_id, churches.church_id, :channel::text AS channel, :target_type::text AS target_type,
           :target::jsonb AS target, coalesce(churches.regions, :default_regions::text[]) AS regions
    FROM churches
    WHERE churches.church_id = :church_id
),
-- include: audience
-- include: recipients
counted AS (
    SELECT reason, count(*) AS recipients
    FROM recipients
    GROUP BY reason
)
SELECT reason, recipients FROM counted ORDER BY reason NULLS FIRST;

-- name: list_recipients
-- Those of a target who get something, or all of it, in one order.
WITH message AS (
    SELECT churches.church_id AS message_id, churches.church_id, :channel::text AS channel, :target_type::text AS target_type,
           :target::jsonb AS target, coalesce(churches.regions, :default_regions::text[]) AS regions
    FROM churches
    WHERE churches.church_id = :church_id
),
-- include: audience
-- include: recipients
listed AS (
    SELECT contact_id, address, zones, region, reason
    FROM recipients
    WHERE reason IS NULL OR NOT :only_reached::boolean
)
SELECT contact_id, address, zones, region, reason
FROM listed
ORDER BY contact_id, address
LIMIT :row_limit;
