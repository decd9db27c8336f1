-- name: begin_reading
-- A preview writes nothing, whatever its statements are.
SELECT set_config('transaction_read_only', 'on', true);

-- name: get_circumstances
-- What decides when and at what price a message of the church would be sent: its hours and its sender, what waits before it, and
-- what a segment costs on the day of `send_at`: by the price of the church, else by that of every church. Waiting are the deliveries
-- that are due, and accepted messages that are due by then. At most `row_limit` of each are read.
SELECT churches.name AS church_name, churches.time_zone, churches.window_opens, churches.window_closes,
       senders.segments_per_second,
       CASE WHEN senders.slowed_until > now() THEN senders.slowed_until END AS slowed_until,
       senders.paused_at IS NOT NULL OR senders.church_suspended AS is_stopped,
       now() AS read_at,
       coalesce((
           SELECT sum(waiting.segments)
           FROM (
               SELECT coalesce(deliveries.segments, messages.segments) AS segments
               FROM deliveries
               JOIN messages ON messages.message_id = deliveries.message_id
               WHERE deliveries.church_id = :church_id AND deliveries.channel = :channel AND deliveries.status = 'queued'
                 AND deliveries.due_at <= greatest(now(), :send_at::timestamptz)
               LIMIT :row_limit
           ) AS waiting
       ), 0)::bigint + coalesce((
           SELECT sum(accepted.counted_segments)
           FROM (
               SELECT messages.counted_segments
               FROM messages
               WHERE messages.church_id = :church_id AND messages.channel = :channel AND messages.expanded_at IS NULL
                 AND messages.canceled_at IS NULL AND messages.paused_at IS NULL AND messages.total_due_at IS NOT NULL
                 AND messages.send_at <= greatest(now(), :send_at::timestamptz)
               LIMIT :row_limit
           ) AS accepted
       ), 0)::bigint AS segments_before,
       CASE WHEN own.per_segment IS NULL THEN common.per_segment ELSE own.per_segment END AS per_segment,
       CASE WHEN own.per_segment IS NULL THEN common.currency ELSE own.currency END AS currency
FROM churches
LEFT JOIN senders ON senders.church_id = churches.church_id AND senders.channel = :channel
CROSS JOIN LATERAL (SELECT (coalesce(:send_at, now()) AT TIME ZONE churches.time_zone)::date AS day) AS calendar
LEFT JOIN LATERAL (
    SELECT per_segment, currency FROM segment_prices
    WHERE church_id = :church_id AND channel = :channel AND valid_from <= calendar.day
    ORDER BY valid_from DESC LIMIT 1
) AS own ON true
LEFT JOIN LATERAL (
    SELECT per_segment, currency FROM segment_prices
    WHERE church_id IS NULL AND channel = :channel AND valid_from <= calendar.day
    ORDER BY valid_from DESC LIMIT 1
) AS common ON true
WHERE churches.church_id = :church_id;

-- name: get_counted
-- What is counted on a day and in its month: of the limits of a church, this is used.
SELECT coalesce((SELECT segments FROM daily_segments WHERE church_id = :church_id AND day = :day), 0) AS on_day,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS in_month;

-- name: preview_recipients
-- What expand_messages would write, without writing it: how many people for each reason why they get nothing ('' for those who
-- get something), the segments of their texts, when they may be sent, what fields are missing, and whom to show as an example.
-- Of several texts, examples are the longest, one with a missing field, and the first; else just the first.
WITH message AS (
    SELECT churches.church_id AS message_id, churches.church_id, :channel::text AS channel, :target_type::text AS target_type,
           :target::jsonb AS target, coalesce(churches.regions, :default_regions::text[]) AS regions, churches.time_zone,
           churches.window_opens, churches.window_closes, plan_merging(:merge_fields::jsonb) AS merge_plan
    FROM churches
    WHERE churches.church_id = :church_id
),
-- include: audience
-- include: recipients
merged AS MATERIALIZED (
    SELECT recipients.contact_id, recipients.zones, coalesce(recipients.reason, own.reason) AS reason, own.merge_values,
           coalesce(own.segments, :segments::smallint) AS segments
    FROM message
    JOIN recipients USING (message_id)
    LEFT JOIN LATERAL ( -- nothing is looked up for a text without merge fields
        SELECT merged_for.*
        FROM (SELECT) AS recipient
        LEFT JOIN contacts ON contacts.church_id = message.church_id AND contacts.contact_id = recipients.contact_id
        CROSS JOIN LATERAL merge_contact(
            :merge_fields::jsonb, message.merge_plan, contacts.name, contacts.phone, contacts.email, contacts.fields
        ) AS merged_for
        WHERE :merge_fields::jsonb IS NOT NULL AND recipients.reason IS NULL
        LIMIT 1
    ) AS own ON true
), reasons AS (
    SELECT coalesce(reason, '') AS reason, count(*) AS people FROM merged GROUP BY reason
), zones AS (
    SELECT zones, sum(segments) AS segments FROM merged WHERE reason IS NULL GROUP BY zones
), waves AS (
    SELECT opening.opens_at, sum(zones.segments) AS segments
    FROM message
    CROSS JOIN zones
    CROSS JOIN LATERAL (
        SELECT CASE WHEN :keeps_quiet_hours::boolean THEN quiet_until(
            greatest(:send_at::timestamptz, now()), zones.zones, message.time_zone, message.window_opens, message.window_closes
        ) END AS opens_at
    ) AS opening
    GROUP BY opening.opens_at
), missing AS (
    SELECT value.place, count(*) AS people
    FROM merged
    CROSS JOIN LATERAL unnest(merged.merge_values) WITH ORDINALITY AS value (text, place)
    WHERE merged.reason IS NULL AND '' = ANY (merged.merge_values) AND value.text = ''
    GROUP BY value.place
), example AS (
    (
        SELECT 1 AS rank, contact_id, merge_values, segments FROM merged
        WHERE reason IS NULL AND :merge_fields::jsonb IS NOT NULL
        ORDER BY segments DESC, contact_id
        LIMIT 1
    ) UNION ALL (
        SELECT 2, contact_id, merge_values, segments FROM merged
        WHERE reason IS NULL AND '' = ANY (merge_values)
        ORDER BY contact_id
        LIMIT 1
    ) UNION ALL (
        SELECT 3, contact_id, merge_values, segments FROM merged
        WHERE reason IS NULL
        ORDER BY contact_id
        LIMIT CASE WHEN :merge_fields::jsonb IS NULL THEN 1 ELSE 3 END
    )
)
SELECT (SELECT coalesce(jsonb_object_agg(reason, people), '{}') FROM reasons) AS people,
       totals.least, totals.most, totals.segments, totals.ucs2,
       (
           SELECT coalesce(jsonb_agg(jsonb_build_array(extract(epoch FROM opens_at), segments) ORDER BY opens_at NULLS FIRST), '[]')
           FROM waves
       ) AS waves,
       (SELECT coalesce(jsonb_object_agg(place, people), '{}') FROM missing) AS missing,
       (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
               'contactId', contact_id,
               'content', delivery_content(:content, :merge_fields::jsonb, merge_values),
               'details', delivery_details(:details, :merge_fields::jsonb, merge_values),
               'segments', segments
           ) ORDER BY rank), '[]')
           FROM example
       ) AS examples
FROM (
    SELECT coalesce(min(segments), 0) AS least, coalesce(max(segments), 0) AS most, coalesce(sum(segments), 0)::bigint AS segments,
           count(*) FILTER (
               WHERE array_to_string(merge_values, '')
                   ~ '[^\n\r\f\u001b\u0020-\u005f\u0061-\u007e\u00a1\u00a3-\u00a5\u00a7\u00bf\u00c4-\u00c7\u00c9\u00d1\u00d6\u00d8\u00dc\u00df\u00e0\u00e4-\u00e6\u00e8\u00e9\u00ec\u00f1\u00f2\u00f6\u00f8\u00f9\u00fc\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a6\u03a8\u03a9\u20ac]'
           ) AS ucs2
    FROM merged
    WHERE reason IS NULL
) AS totals;
