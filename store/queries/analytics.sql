-- name: sum_totals
-- Sums of the totals of messages, for groups of a period (`day`, `month` or `all`), a channel or all, a message or all. One
-- statement, so that what belongs together is of one snapshot. Parts of a key that are not grouped by have a constant value.
-- The day of a message is that of its send_at in the time zone that the church has now. The index is read from a day before to a
-- day after, and the calendar decides about each message: where a clock is set back at midnight, no instant is the start of a day.
-- LATERAL and OFFSET 0 make this one index range for each church.
-- Billed are segments that the carrier accepted. Their price is that of the church on that day, else that of every church.
-- A group is final when its period is over and the counts of all its messages are final.
WITH church AS MATERIALIZED (
    SELECT church_id, time_zone, (now() AT TIME ZONE time_zone)::date AS today
    FROM churches
    WHERE church_id = ANY (:church_ids::uuid[])
), total AS MATERIALIZED (
    SELECT church.church_id, group_key.period, group_key.channel AS grouped_channel, group_key.message_id AS grouped_id,
           calendar.day, each.message_id, each.channel, each.status, each.reason, each.deliveries,
           CASE WHEN each.status IN ('sent', 'undelivered', 'delivered') THEN each.segments ELSE 0 END AS billed,
           each.time_buckets, each.time_counts, each.counted_at
    FROM church
    CROSS JOIN LATERAL (
        SELECT message_id, channel, send_at, status, reason, deliveries, segments, time_buckets, time_counts, counted_at
        FROM message_totals
        WHERE message_totals.church_id = church.church_id
          AND send_at >= :first_day::date::timestamp AT TIME ZONE church.time_zone - interval '1 day'
          AND send_at < :last_day::date::timestamp AT TIME ZONE church.time_zone + interval '2 days'
          AND (:message_ids::uuid[] IS NULL OR message_id = ANY (:message_ids::uuid[]))
        OFFSET 0
    ) AS each
    CROSS JOIN LATERAL (SELECT (each.send_at AT TIME ZONE church.time_zone)::date AS day) AS calendar
    CROSS JOIN LATERAL (
        SELECT CASE :period::text WHEN 'day' THEN calendar.day WHEN 'month' THEN date_trunc('month', calendar.day)::date
                                  ELSE :first_day::date END AS period,
               CASE WHEN :by_channel::boolean THEN each.channel ELSE '' END AS channel,
               CASE WHEN :message_ids::uuid[] IS NULL THEN church.church_id ELSE each.message_id END AS message_id
    ) AS group_key
    WHERE calendar.day BETWEEN :first_day::date AND :last_day::date
), by_status AS (
    SELECT church_id, period, grouped_channel, grouped_id, status, reason, sum(deliveries)::bigint AS deliveries
    FROM total
    GROUP BY church_id, period, grouped_channel, grouped_id, status, reason
), statuses AS (
    SELECT church_id, period, grouped_channel, grouped_id, array_agg(status::text ORDER BY status, reason) AS statuses,
           array_agg(reason ORDER BY status, reason) AS reasons, array_agg(deliveries ORDER BY status, reason) AS deliveries
    FROM by_status
    GROUP BY church_id, period, grouped_channel, grouped_id
), message AS (
    SELECT church_id, period, grouped_channel, grouped_id, count(DISTINCT message_id) AS messages,
           max(counted_at) AS counted_at, sum(billed)::bigint AS billed
    FROM total
    GROUP BY church_id, period, grouped_channel, grouped_id
), by_bucket AS (
    SELECT church_id, period, grouped_channel, grouped_id, histogram.bucket, sum(histogram.deliveries)::bigint AS deliveries
    FROM total
    CROSS JOIN LATERAL unnest(total.time_buckets, total.time_counts) AS histogram (bucket, deliveries)
    GROUP BY church_id, period, grouped_channel, grouped_id, histogram.bucket
), times AS (
    SELECT church_id, period, grouped_channel, grouped_id, array_agg(bucket ORDER BY bucket) AS time_buckets,
           array_agg(deliveries ORDER BY bucket) AS time_counts
    FROM by_bucket
    GROUP BY church_id, period, grouped_channel, grouped_id
), by_day AS (
    SELECT church_id, period, grouped_channel, grouped_id, channel, day, sum(billed)::bigint AS billed
    FROM total
    GROUP BY church_id, period, grouped_channel, grouped_id, channel, day
), by_currency AS (
    SELECT by_day.church_id, by_day.period, by_day.grouped_channel, by_day.grouped_id,
           CASE WHEN own.per_segment IS NULL THEN common.currency ELSE own.currency END AS currency,
           sum(by_day.billed * coalesce(own.per_segment, common.per_segment)) AS amount, sum(by_day.billed)::bigint AS billed
    FROM by_day
    LEFT JOIN LATERAL (
        SELECT per_segment, currency FROM segment_prices
        WHERE church_id = by_day.church_id AND channel = by_day.channel AND valid_from <= by_day.day
        ORDER BY valid_from DESC LIMIT 1
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT per_segment, currency FROM segment_prices
        WHERE church_id IS NULL AND channel = by_day.channel AND valid_from <= by_day.day
        ORDER BY valid_from DESC LIMIT 1
    ) AS common ON true
    WHERE by_day.billed > 0
    GROUP BY 1, 2, 3, 4, 5
), costs AS (
    SELECT church_id, period, grouped_channel, grouped_id,
           coalesce(array_agg(currency ORDER BY currency) FILTER (WHERE currency IS NOT NULL), '{}') AS currencies,
           coalesce(array_agg(amount ORDER BY currency) FILTER (WHERE currency IS NOT NULL), '{}') AS amounts,
           coalesce(sum(billed) FILTER (WHERE currency IS NULL), 0)::bigint AS unpriced
    FROM by_currency
    GROUP BY church_id, period, grouped_channel, grouped_id
), not_final AS (
    SELECT DISTINCT church.church_id,
           CASE :period::text WHEN 'day' THEN calendar.day WHEN 'month' THEN date_trunc('month', calendar.day)::date
                              ELSE :first_day::date END AS period,
           CASE WHEN :by_channel::boolean THEN open.channel ELSE '' END AS grouped_channel,
           CASE WHEN :message_ids::uuid[] IS NULL THEN church.church_id ELSE open.message_id END AS grouped_id
    FROM church
    CROSS JOIN LATERAL (
        SELECT message_id, channel, send_at
        FROM messages
        WHERE messages.church_id = church.church_id AND total_due_at IS NOT NULL AND send_at <= now()
          AND send_at >= :first_day::date::timestamp AT TIME ZONE church.time_zone - interval '1 day'
          AND send_at < :last_day::date::timestamp AT TIME ZONE church.time_zone + interval '2 days'
        OFFSET 0
    ) AS open
    CROSS JOIN LATERAL (SELECT (open.send_at AT TIME ZONE church.time_zone)::date AS day) AS calendar
    WHERE calendar.day BETWEEN :first_day::date AND :last_day::date
), found AS (
    -- Groups of which no message is counted yet have sums of 0.
    SELECT church_id, period, grouped_channel, grouped_id FROM message
    UNION
    SELECT church_id, period, grouped_channel, grouped_id FROM not_final WHERE :message_ids::uuid[] IS NULL
)
SELECT church_id, period, grouped_channel AS channel, grouped_id AS message_id,
       coalesce(message.messages, 0) AS messages, message.counted_at, coalesce(message.billed, 0) AS billed,
       coalesce(statuses.statuses, '{}') AS statuses, coalesce(statuses.reasons, '{}') AS reasons,
       coalesce(statuses.deliveries, '{}') AS deliveries,
       coalesce(times.time_buckets, '{}') AS time_buckets,
       coalesce(times.time_counts, '{}') AS time_counts, coalesce(costs.currencies, '{}') AS currencies,
       coalesce(costs.amounts, '{}') AS amounts, coalesce(costs.unpriced, 0) AS unpriced,
       not_final.church_id IS NULL AND (
           :message_ids::uuid[] IS NOT NULL
           OR CASE :period::text WHEN 'day' THEN period < church.today
                                 WHEN 'month' THEN period < date_trunc('month', church.today)::date
                                 ELSE :last_day::date < church.today END
       ) AS is_final
FROM found
JOIN church USING (church_id)
LEFT JOIN message USING (church_id, period, grouped_channel, grouped_id)
LEFT JOIN statuses USING (church_id, period, grouped_channel, grouped_id)
LEFT JOIN times USING (church_id, period, grouped_channel, grouped_id)
LEFT JOIN costs USING (church_id, period, grouped_channel, grouped_id)
LEFT JOIN not_final USING (church_id, period, grouped_channel, grouped_id)
ORDER BY church_id, period, grouped_channel, grouped_id;

-- name: page_counted_messages
-- Messages that were counted, by their send_at. The start of the page always bounds the index scan.
SELECT message_totals.message_id, message_totals.send_at, min(message_totals.channel) AS channel,
       (message_totals.send_at AT TIME ZONE churches.time_zone)::date AS day
FROM churches
JOIN message_totals ON message_totals.church_id = churches.church_id
WHERE churches.church_id = :church_id
  AND message_totals.church_id = :church_id
  AND (message_totals.send_at, message_totals.message_id) > (:after_send_at::timestamptz, :after_id::uuid)
  AND message_totals.send_at < :before::timestamptz
  AND (message_totals.send_at AT TIME ZONE churches.time_zone)::date BETWEEN :first_day::date AND :last_day::date
GROUP BY message_totals.send_at, message_totals.message_id, churches.time_zone
ORDER BY message_totals.send_at, message_totals.message_id
LIMIT :row_limit;

-- name: sum_opt_outs
-- Opt-outs by the calendar of the church, for a period as in sum_totals.
SELECT CASE :period::text WHEN 'day' THEN calendar.day WHEN 'month' THEN date_trunc('month', calendar.day)::date
                          ELSE :first_day::date END AS period,
       count(*) AS opt_outs
FROM churches
CROSS JOIN LATERAL (
    SELECT (consent_events.happened_at AT TIME ZONE churches.time_zone)::date AS day
    FROM consent_events
    WHERE consent_events.church_id = churches.church_id AND event = 'opt_out'
      AND happened_at >= :first_day::date::timestamp AT TIME ZONE churches.time_zone - interval '1 day'
      AND happened_at < :last_day::date::timestamp AT TIME ZONE churches.time_zone + interval '2 days'
    OFFSET 0
) AS calendar
WHERE churches.church_id = :church_id AND calendar.day BETWEEN :first_day::date AND :last_day::date
GROUP BY 1
ORDER BY 1;

-- name: get_calendar
SELECT time_zone, (now() AT TIME ZONE time_zone)::date AS today, monthly_segment_quota AS monthly_quota
FROM churches
WHERE church_id = :church_id;

-- name: list_counted_months
SELECT month, segments
FROM monthly_segments
WHERE church_id = :church_id AND month BETWEEN :first_day::date AND :last_day::date
ORDER BY month;

-- name: page_churches
SELECT church_id, name
FROM churches
WHERE church_id > :after
ORDER BY church_id
LIMIT :row_limit;
