-- name: add_changes!
INSERT INTO metric_changes (name, labels, value)
SELECT name, labels::jsonb, value
FROM unnest(:names::text[], :labels::text[], :values::numeric[]) AS measured (name, labels, value);

-- name: fold_changes!
-- Adds changes up in metric_totals. One statement, so that every snapshot sees each change once, in one table or in the other.
-- Skips rows that another run is adding up. At most `row_limit`, so that a long backlog does not make a long transaction.
WITH folded AS (
    DELETE FROM metric_changes
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM metric_changes LIMIT :row_limit FOR UPDATE SKIP LOCKED))
    RETURNING name, labels, value
)
INSERT INTO metric_totals (name, labels, value)
SELECT name, labels, sum(value)
FROM folded
GROUP BY name, labels
ORDER BY name, labels -- one lock order, so that concurrent runs do not deadlock
ON CONFLICT (name, labels) DO UPDATE SET value = metric_totals.value + excluded.value;

-- name: totals
-- The totals of one counter, or of all.
SELECT name, labels, sum(value)::double precision AS value -- the conversion keeps the order
FROM (
    SELECT name, labels, value FROM metric_totals
    UNION ALL
    SELECT name, labels, value FROM metric_changes
) AS every_change
WHERE :name::text IS NULL OR name = :name::text
GROUP BY name, labels;
