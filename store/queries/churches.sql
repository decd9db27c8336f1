-- name: insert_church
INSERT INTO churches (name, time_zone, window_opens, window_closes)
VALUES (:name, :time_zone, :window_opens, :window_closes)
RETURNING church_id;

-- name: get_church
SELECT church_id, name, time_zone
FROM churches
WHERE church_id = :church_id;

-- name: set_window!
UPDATE churches
SET window_opens = :window_opens, window_closes = :window_closes
WHERE church_id = :church_id;

-- name: make_quiet_deliveries_due!
-- Deliveries that wait for quiet hours to end become due now; the next claim postpones those that must still wait.
-- Deliveries of paused messages stay at infinity.
UPDATE deliveries
SET due_at = now(), updated_at = now()
FROM (
    SELECT delivery_id
    FROM deliveries
    WHERE church_id = :church_id AND status = 'queued' AND reason = 'quiet hours' AND due_at < 'infinity'
    ORDER BY delivery_id
    FOR UPDATE
) AS quiet
WHERE deliveries.delivery_id = quiet.delivery_id AND deliveries.status = 'queued';
