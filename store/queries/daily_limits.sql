-- name: measure_all
-- How many segments a message would take of its church's limit, and on which day of the church's calendar. People who share
-- a phone get one text. Recipients who opted out are counted too, until the message is expanded. One query for each kind of
-- target, so that PostgreSQL plans none of them again for each request.
SELECT (coalesce(:send_at, now()) AT TIME ZONE churches.time_zone)::date AS day,
       :segments_each::bigint * (
           SELECT count(DISTINCT contacts.phone) FROM contacts
           WHERE contacts.church_id = :church_id AND contacts.phone IS NOT NULL
       ) AS segments,
       coalesce(churches.daily_segment_limit, :default_limit::bigint) AS daily_limit,
       churches.monthly_segment_quota AS monthly_quota,
       churches.time_zone
FROM churches
WHERE churches.church_id = :church_id;

-- name: measure_contacts
-- As measure_all, for some contacts.
SELECT (coalesce(:send_at, now()) AT TIME ZONE churches.time_zone)::date AS day,
       :segments_each::bigint * (
           SELECT count(DISTINCT contacts.phone) FROM contacts
           WHERE contacts.church_id = :church_id AND contacts.contact_id = ANY (:contact_ids::uuid[])
       ) AS segments,
       coalesce(churches.daily_segment_limit, :default_limit::bigint) AS daily_limit,
       churches.monthly_segment_quota AS monthly_quota,
       churches.time_zone
FROM churches
WHERE churches.church_id = :church_id;

-- name: measure_groups
-- As measure_all, for groups, and for all except groups. People who opted out are counted too.
WITH message AS (
    SELECT church_id AS message_id, church_id, :target_type::text AS target_type, :target::jsonb AS target
    FROM churches
    WHERE church_id = :church_id
),
-- include: audience
reached AS (
    SELECT count(DISTINCT address) AS recipients FROM audience
)
SELECT (coalesce(:send_at, now()) AT TIME ZONE churches.time_zone)::date AS day,
       :segments_each::bigint * reached.recipients AS segments,
       coalesce(churches.daily_segment_limit, :default_limit::bigint) AS daily_limit,
       churches.monthly_segment_quota AS monthly_quota,
       churches.time_zone
FROM churches
CROSS JOIN reached
WHERE churches.church_id = :church_id;

-- name: measure_listed
-- As measure_all, for so many addresses.
SELECT (coalesce(:send_at, now()) AT TIME ZONE churches.time_zone)::date AS day,
       :segments_each::bigint * :listed::bigint AS segments,
       coalesce(churches.daily_segment_limit, :default_limit::bigint) AS daily_limit,
       churches.monthly_segment_quota AS monthly_quota,
       churches.time_zone
FROM churches
WHERE churches.church_id = :church_id;

-- name: reserve
-- Reserves the segments in their month, if its quota allows, and then on their day. What is NULL did not fit: nothing is counted
-- if the caller then rolls back. Concurrent reservations in the same month wait for each other. Months are locked before days,
-- as everywhere.
WITH month AS (
    INSERT INTO monthly_segments (church_id, month, segments)
    SELECT :church_id, date_trunc('month', :day::date)::date, :segments::bigint
    WHERE :monthly_quota::bigint IS NULL OR :segments::bigint <= :monthly_quota::bigint
    ON CONFLICT (church_id, month) DO UPDATE SET segments = monthly_segments.segments + excluded.segments
    WHERE :monthly_quota::bigint IS NULL OR monthly_segments.segments + excluded.segments <= :monthly_quota::bigint
    RETURNING segments
), day AS (
    INSERT INTO daily_segments (church_id, day, segments)
    SELECT :church_id, :day, :segments::bigint
    FROM month
    WHERE :segments::bigint <= :daily_limit::bigint
    ON CONFLICT (church_id, day) DO UPDATE SET segments = daily_segments.segments + excluded.segments
    WHERE daily_segments.segments + excluded.segments <= :daily_limit::bigint
    RETURNING segments
)
SELECT (SELECT segments FROM month) IS NOT NULL AS fits_month, (SELECT segments FROM day) IS NOT NULL AS fits_day;

-- name: get_counted
SELECT coalesce((SELECT segments FROM daily_segments WHERE church_id = :church_id AND day = :day), 0) AS on_day,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS in_month;

-- name: lock_days
-- In one order, so that two changes that swap days do not deadlock.
WITH months AS MATERIALIZED (
    SELECT month
    FROM monthly_segments
    WHERE church_id = :church_id
      AND month IN (SELECT date_trunc('month', listed.day)::date FROM unnest(:days::date[]) AS listed (day))
    ORDER BY month
    FOR UPDATE
)
SELECT FROM daily_segments
WHERE church_id = :church_id AND day = ANY (:days::date[]) AND (SELECT count(*) FROM months) >= 0
ORDER BY day
FOR UPDATE;

-- name: get_reservation
SELECT counted_on, counted_segments FROM messages WHERE church_id = :church_id AND message_id = :message_id;

-- name: count_on_day!
WITH counted_month AS (
    UPDATE monthly_segments
    SET segments = greatest(0, segments + :segments::bigint)
    WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
    RETURNING month
)
UPDATE daily_segments
SET segments = greatest(0, segments + :segments::bigint)
WHERE church_id = :church_id AND day = :day AND (SELECT count(*) FROM counted_month) >= 0;

-- name: set_reservation!
UPDATE messages
SET counted_on = :day, counted_segments = :segments
WHERE church_id = :church_id AND message_id = :message_id;

-- name: lock_days_of_messages
-- Locks the months and days on which messages count, in one order, so that two sets of messages do not deadlock. Returns what is
-- counted in each, with what the messages have reserved. A message without a reservation counts today.
WITH message AS (
    SELECT messages.message_id, messages.church_id, messages.counted_segments, churches.daily_segment_limit,
           churches.monthly_segment_quota,
           coalesce(messages.counted_on, (now() AT TIME ZONE churches.time_zone)::date) AS day,
           messages.segments * :segment_weight::bigint AS segments_each
    FROM messages
    JOIN churches ON churches.church_id = messages.church_id
    WHERE messages.message_id = ANY (:message_ids::uuid[])
), locked_month AS MATERIALIZED (
    INSERT INTO monthly_segments (church_id, month, segments)
    SELECT DISTINCT church_id, date_trunc('month', day)::date AS month, 0 FROM message ORDER BY church_id, month
    ON CONFLICT (church_id, month) DO UPDATE SET segments = monthly_segments.segments
    RETURNING church_id, month, segments
), locked_day AS (
    INSERT INTO daily_segments (church_id, day, segments)
    SELECT DISTINCT church_id, day, 0 FROM message WHERE (SELECT count(*) FROM locked_month) >= 0 ORDER BY church_id, day
    ON CONFLICT (church_id, day) DO UPDATE SET segments = daily_segments.segments
    RETURNING church_id, day, segments
)
SELECT message.message_id, church_id, day, message.counted_segments AS reserved, message.segments_each,
       coalesce(message.daily_segment_limit, :default_limit::bigint) AS daily_limit, locked_day.segments AS on_day,
       message.monthly_segment_quota AS monthly_quota, locked_month.segments AS in_month
FROM message
JOIN locked_day USING (church_id, day)
JOIN locked_month USING (church_id)
WHERE locked_month.month = date_trunc('month', day)::date
ORDER BY message.message_id;

-- name: add_counted!
-- Of days that are locked, and of their months: adds these segments, which may be negative.
WITH counted AS (
    SELECT church_id, day, segments
    FROM unnest(:church_ids::uuid[], :days::date[], :segments::bigint[]) AS listed (church_id, day, segments)
), counted_months AS (
    UPDATE monthly_segments
    SET segments = greatest(0, monthly_segments.segments + of_month.segments)
    FROM (
        SELECT church_id, date_trunc('month', day)::date AS month, sum(segments) AS segments FROM counted GROUP BY 1, 2
    ) AS of_month
    WHERE monthly_segments.church_id = of_month.church_id AND monthly_segments.month = of_month.month
)
UPDATE daily_segments
SET segments = greatest(0, daily_segments.segments + counted.segments)
FROM counted
WHERE daily_segments.church_id = counted.church_id AND daily_segments.day = counted.day;

-- name: set_reservations!
UPDATE messages
SET counted_on = reserved.day, counted_segments = reserved.segments
FROM unnest(:message_ids::uuid[], :days::date[], :segments::bigint[]) AS reserved (message_id, day, segments)
WHERE messages.message_id = reserved.message_id;

-- name: count_fitting
-- How many of the first queued deliveries of a message have no more than `room` segments together, and how many they have. For
-- messages with merge fields, whose texts have segments of their own.
SELECT count(*), coalesce(sum(segments), 0)
FROM (
    SELECT own.segments, sum(own.segments) OVER (ORDER BY own.delivery_id) AS so_far
    FROM (
        SELECT deliveries.delivery_id, coalesce(deliveries.segments, messages.segments) AS segments
        FROM deliveries
        JOIN messages USING (message_id)
        WHERE deliveries.message_id = :message_id AND deliveries.status = 'queued'
    ) AS own
) AS summed
WHERE so_far <= :room::bigint;

-- name: fail_deliveries_beyond_limit!
-- Fails the last deliveries of a message that was just expanded: those beyond the limit or the quota. `retry-failed` can send them later.
UPDATE deliveries
SET status = 'failed', reason = :reason, due_at = now()
FROM (
    SELECT delivery_id
    FROM deliveries
    WHERE message_id = :message_id AND status = 'queued'
    ORDER BY delivery_id
    OFFSET :allowed::bigint
) AS beyond
WHERE deliveries.delivery_id = beyond.delivery_id AND deliveries.status = 'queued';
