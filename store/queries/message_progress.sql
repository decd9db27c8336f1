-- name: get_progress
-- The message's target, the state of its church and its sender, and counts of its queued deliveries.
SELECT messages.target,
       churches.suspended_at AS church_suspended_at,
       senders.paused_at AS sender_paused_at,
       senders.paused_reason AS sender_paused_reason,
       CASE WHEN senders.slowed_until > now() THEN senders.slowed_until END AS sender_slowed_until,
       senders.segments_per_second,
       waiting.queued,
       waiting.queued_due,
       waiting.queued_quiet,
       waiting.next_due_at
FROM messages
JOIN churches ON churches.church_id = messages.church_id
LEFT JOIN senders ON senders.church_id = messages.church_id AND senders.channel = messages.channel
CROSS JOIN LATERAL (
    SELECT count(*) AS queued,
           count(*) FILTER (WHERE due_at <= now()) AS queued_due,
           count(*) FILTER (WHERE due_at > now() AND due_at < 'infinity' AND reason = 'quiet hours') AS queued_quiet,
           min(due_at) FILTER (WHERE due_at > now() AND due_at < 'infinity') AS next_due_at
    FROM deliveries
    WHERE deliveries.message_id = messages.message_id AND deliveries.status = 'queued'
) AS waiting
WHERE messages.church_id = :church_id AND messages.message_id = :message_id;

-- name: preview_contacts
-- Whether the church's sender may send now, whether the target has at least one recipient with an address of the channel's
-- kind who has opted out neither of the church nor of that sender, and how much is counted in the month of `day` of the church's quota. One query for each kind of
-- target: PostgreSQL would plan a common one again for each request, which takes longer than the query, because a plan for all
-- kinds seems expensive.
SELECT senders.paused_reason AS sender_paused_reason,
       (SELECT monthly_segment_quota FROM churches WHERE church_id = :church_id) AS monthly_quota,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS month_segments,
       EXISTS (
           SELECT
           FROM unnest(:contact_ids::uuid[]) AS listed (contact_id)
           JOIN contacts ON contacts.contact_id = listed.contact_id AND contacts.church_id = :church_id
           CROSS JOIN LATERAL (
               VALUES (CASE :address_kind::text WHEN 'phone' THEN contacts.phone ELSE contacts.email END)
           ) AS recipient (address)
           WHERE recipient.address IS NOT NULL
             AND NOT EXISTS (
                 SELECT FROM opt_outs WHERE church_id = :church_id AND address = recipient.address
             )
             AND NOT EXISTS (
                 SELECT FROM sender_opt_outs
                 WHERE church_id = :church_id AND address = recipient.address
                   AND sender = coalesce(senders.messaging_service_sid, senders.address)
             )
       ) AS reaches_anyone
FROM senders
WHERE senders.church_id = :church_id AND senders.channel = :channel;

-- name: preview_all_phones
-- As preview_contacts, for all contacts. ORDER BY makes the planner use an index that begins with the church; otherwise it
-- may scan the contacts of all churches and expect to find one early.
SELECT senders.paused_reason AS sender_paused_reason,
       (SELECT monthly_segment_quota FROM churches WHERE church_id = :church_id) AS monthly_quota,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS month_segments,
       (
           SELECT contacts.phone
           FROM contacts
           WHERE contacts.church_id = :church_id AND contacts.phone > ''
             AND NOT EXISTS (
                 SELECT FROM opt_outs WHERE church_id = :church_id AND address = contacts.phone
             )
             AND NOT EXISTS (
                 SELECT FROM sender_opt_outs
                 WHERE church_id = :church_id AND address = contacts.phone
                   AND sender = coalesce(senders.messaging_service_sid, senders.address)
             )
           ORDER BY contacts.phone
           LIMIT 1
       ) IS NOT NULL AS reaches_anyone
FROM senders
WHERE senders.church_id = :church_id AND senders.channel = :channel;

-- name: preview_all_emails
-- As preview_contacts, for all contacts. ORDER BY makes the planner use an index that begins with the church; otherwise it
-- may scan the contacts of all churches and expect to find one early.
SELECT senders.paused_reason AS sender_paused_reason,
       (SELECT monthly_segment_quota FROM churches WHERE church_id = :church_id) AS monthly_quota,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS month_segments,
       (
           SELECT contacts.email
           FROM contacts
           WHERE contacts.church_id = :church_id AND contacts.email > ''
             AND NOT EXISTS (
                 SELECT FROM opt_outs WHERE church_id = :church_id AND address = contacts.email
             )
           ORDER BY contacts.email
           LIMIT 1
       ) IS NOT NULL AS reaches_anyone
FROM senders
WHERE senders.church_id = :church_id AND senders.channel = :channel;

-- name: preview_addresses
-- As preview_contacts, for listed numbers or mail addresses.
SELECT senders.paused_reason AS sender_paused_reason,
       (SELECT monthly_segment_quota FROM churches WHERE church_id = :church_id) AS monthly_quota,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS month_segments,
       EXISTS (
           SELECT
           FROM unnest(:addresses::text[]) AS listed (address)
           WHERE NOT EXISTS (
               SELECT FROM opt_outs WHERE church_id = :church_id AND address = listed.address
           )
           AND NOT EXISTS (
               SELECT FROM sender_opt_outs
               WHERE church_id = :church_id AND address = listed.address
                 AND sender = coalesce(senders.messaging_service_sid, senders.address)
           )
       ) AS reaches_anyone
FROM senders
WHERE senders.church_id = :church_id AND senders.channel = :channel;

-- name: preview_groups
-- As preview_contacts, for groups, and for all except groups.
WITH message AS (
    SELECT church_id AS message_id, church_id, :target_type::text AS target_type, :target::jsonb AS target
    FROM churches
    WHERE church_id = :church_id
),
-- include: audience
reached AS (
    SELECT EXISTS (
        SELECT
        FROM audience
        WHERE audience.address IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM opt_outs WHERE opt_outs.church_id = :church_id AND opt_outs.address = audience.address
          )
          AND NOT EXISTS (
              SELECT FROM senders
              JOIN sender_opt_outs ON sender_opt_outs.church_id = senders.church_id
                  AND sender_opt_outs.sender = coalesce(senders.messaging_service_sid, senders.address)
              WHERE senders.church_id = :church_id AND senders.channel = :channel
                AND sender_opt_outs.address = audience.address
          )
    ) AS anyone
)
SELECT senders.paused_reason AS sender_paused_reason,
       (SELECT monthly_segment_quota FROM churches WHERE church_id = :church_id) AS monthly_quota,
       coalesce((
           SELECT segments FROM monthly_segments
           WHERE church_id = :church_id AND month = date_trunc('month', :day::date)::date
       ), 0) AS month_segments,
       reached.anyone AS reaches_anyone
FROM senders
CROSS JOIN reached
WHERE senders.church_id = :church_id AND senders.channel = :channel;
