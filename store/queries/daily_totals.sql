-- name: roll_up!
-- Recounts every day that may still change and replaces its totals. Idempotent.
WITH counted AS (
    SELECT messages.church_id,
           (messages.send_at AT TIME ZONE churches.time_zone)::date AS day,
           messages.channel,
           deliveries.status,
           count(*) AS deliveries,
           sum(messages.segments) AS segments
    FROM messages
    JOIN churches ON churches.church_id = messages.church_id
    JOIN deliveries ON deliveries.message_id = messages.message_id
    WHERE (messages.send_at AT TIME ZONE churches.time_zone)::date
        >= (now() AT TIME ZONE churches.time_zone)::date - :days_back::int
      AND messages.send_at > now() - (:days_back + 2) * interval '1 day'
    GROUP BY 1, 2, 3, 4
), stored AS (
    INSERT INTO daily_totals (church_id, day, channel, status, deliveries, segments)
    SELECT church_id, day, channel, status, deliveries, segments
    FROM counted
    ORDER BY church_id, day, channel, status -- one lock order, so that concurrent runs do not deadlock
    ON CONFLICT (church_id, day, channel, status) DO UPDATE
    SET deliveries = excluded.deliveries, segments = excluded.segments, rolled_up_at = now()
)
DELETE FROM daily_totals
USING (SELECT DISTINCT church_id, day, channel FROM counted) AS recounted
WHERE daily_totals.church_id = recounted.church_id
  AND daily_totals.day = recounted.day
  AND daily_totals.channel = recounted.channel
  AND NOT EXISTS (
      SELECT FROM counted
      WHERE counted.church_id = daily_totals.church_id AND counted.day = daily_totals.day
        AND counted.channel = daily_totals.channel AND counted.status = daily_totals.status
  );
