-- name: list_churches
-- By name. Filters and counts first, so that what is looked up for each church is looked up for the rows that are returned.
SELECT listed.church_id, listed.name, listed.suspended_at, listed.found,
       coalesce(sender.channels, '{}') AS channels, coalesce(sender.paused_channels, '{}') AS paused_channels,
       coalesce(daily_segments.segments, 0) AS segments_today, last_message.created_at AS last_message_at
FROM (
    SELECT church_id, name, time_zone, suspended_at, count(*) OVER () AS found
    FROM churches
    WHERE (:name::text IS NULL OR position(lower(:name::text) IN lower(name)) > 0)
      AND (NOT :only_suspended::boolean OR suspended_at IS NOT NULL)
      AND (
          NOT :only_paused::boolean
          OR EXISTS (
              SELECT FROM senders WHERE senders.church_id = churches.church_id AND senders.paused_at IS NOT NULL
          )
      )
    ORDER BY name, church_id
    LIMIT :row_limit
) AS listed
CROSS JOIN LATERAL (
    SELECT array_agg(channel ORDER BY channel) AS channels,
           array_agg(channel ORDER BY channel) FILTER (WHERE paused_at IS NOT NULL) AS paused_channels
    FROM senders
    WHERE senders.church_id = listed.church_id
) AS sender
LEFT JOIN daily_segments ON daily_segments.church_id = listed.church_id
    AND daily_segments.day = (now() AT TIME ZONE listed.time_zone)::date
LEFT JOIN LATERAL (
    SELECT messages.created_at
    FROM messages
    WHERE messages.church_id = listed.church_id
    ORDER BY messages.message_id DESC
    LIMIT 1
) AS last_message ON true
ORDER BY listed.name, listed.church_id;

-- name: get_church_state
-- Contacts and opt-outs are counted up to `most_counted`.
SELECT churches.church_id, churches.name, churches.time_zone, churches.created_at, churches.window_opens,
       churches.window_closes, churches.suspended_at, churches.suspended_reason, churches.daily_segment_limit,
       churches.regions, churches.link_domain, churches.shortens_links,
       (now() AT TIME ZONE churches.time_zone)::date AS day,
       coalesce(daily_segments.segments, 0) AS segments_today,
       (
           SELECT count(*)
           FROM (SELECT FROM contacts WHERE contacts.church_id = churches.church_id LIMIT :most_counted) AS counted
       ) AS contacts,
       (
           SELECT count(*)
           FROM (SELECT FROM opt_outs WHERE opt_outs.church_id = churches.church_id LIMIT :most_counted) AS counted
       ) AS opt_outs,
       (
           SELECT count(*)
           FROM (
               SELECT FROM sender_opt_outs WHERE sender_opt_outs.church_id = churches.church_id LIMIT :most_counted
           ) AS counted
       ) AS sender_opt_outs
FROM churches
LEFT JOIN daily_segments ON daily_segments.church_id = churches.church_id
    AND daily_segments.day = (now() AT TIME ZONE churches.time_zone)::date
WHERE churches.church_id = :church_id;

-- name: list_senders
SELECT channel, address, messaging_service_sid, segments_per_second, paused_at, paused_reason, paused_code,
       CASE WHEN slowed_until > now() THEN slowed_until END AS slowed_until
FROM senders
WHERE church_id = :church_id
ORDER BY channel;

-- name: list_schedules
-- Those that run next first, then paused ones, then ended ones.
SELECT schedule_id, channel, rule, time_zone, next_run_at, paused_at, paused_reason, delay_reason, count(*) OVER () AS found
FROM schedules
WHERE church_id = :church_id AND deleted_at IS NULL
ORDER BY next_run_at IS NULL, paused_at IS NOT NULL, next_run_at, schedule_id
LIMIT :row_limit;

-- name: list_open_messages
-- Messages with something left to expand or submit, newest first. Two index probes for each count its deliveries.
SELECT open_messages.message_id, open_messages.channel, open_messages.send_at, open_messages.expanded_at,
       open_messages.paused_at, open_messages.found,
       (
           SELECT count(*) FROM deliveries
           WHERE deliveries.message_id = open_messages.message_id AND deliveries.status = 'queued'
       ) AS queued,
       (
           SELECT count(*) FROM deliveries
           WHERE deliveries.message_id = open_messages.message_id AND deliveries.status = 'sending'
       ) AS sending
FROM (
    SELECT message_id, channel, send_at, expanded_at, paused_at, count(*) OVER () AS found
    FROM messages
    WHERE church_id = :church_id AND completed_at IS NULL
    ORDER BY message_id DESC
    LIMIT :row_limit
) AS open_messages
ORDER BY open_messages.message_id DESC;

-- name: get_todays_totals
-- Deliveries of messages that are due on the church's present day, as they were rolled up last.
SELECT daily_totals.channel, daily_totals.status, daily_totals.deliveries, daily_totals.rolled_up_at
FROM daily_totals
JOIN churches ON churches.church_id = daily_totals.church_id
WHERE daily_totals.church_id = :church_id
  AND daily_totals.day = (now() AT TIME ZONE churches.time_zone)::date
ORDER BY daily_totals.channel, daily_totals.status;
