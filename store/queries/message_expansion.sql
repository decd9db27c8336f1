-- name: lock_due_messages
-- Those with the earliest send_at first. Skips messages that another worker is expanding, and does not lock what it does not
-- return. A small message is expanded together with others; a larger one would keep them waiting.
SELECT messages.church_id, messages.message_id, messages.request_id, size.is_small
FROM messages
CROSS JOIN LATERAL (
    SELECT CASE messages.target_type
        WHEN 'all' THEN NOT EXISTS (
            SELECT FROM contacts WHERE contacts.church_id = messages.church_id OFFSET :small_size::bigint
        )
        WHEN 'groups' THEN NOT EXISTS ( -- of a smart group, all contacts are read
            SELECT
            FROM jsonb_array_elements_text(
                coalesce(messages.target -> 'groupIds', '[]') || coalesce(messages.target -> 'excludeGroupIds', '[]')
            ) AS listed (group_id)
            JOIN groups ON groups.group_id = listed.group_id::uuid AND groups.church_id = messages.church_id
            CROSS JOIN LATERAL (
                SELECT FROM group_members WHERE group_members.group_id = groups.group_id AND groups.condition IS NULL
                UNION ALL
                SELECT FROM contacts WHERE contacts.church_id = groups.church_id AND groups.condition IS NOT NULL
            ) AS read_for_it
            OFFSET :small_size::bigint
        )
        ELSE jsonb_array_length(
            coalesce(messages.target -> 'contactIds', messages.target -> 'phoneNumbers', messages.target -> 'emailAddresses')
        ) <= :small_size::bigint
    END AS is_small
) AS size
WHERE messages.channel = :channel AND messages.expanded_at IS NULL AND messages.send_at <= now()
  AND messages.canceled_at IS NULL AND messages.message_id <> ALL (:excluded_ids::uuid[])
  AND (NOT :only_small::boolean OR size.is_small)
ORDER BY messages.send_at
LIMIT :row_limit
FOR UPDATE OF messages SKIP LOCKED;

-- name: find_unlocated_numbers
-- Run before messages are expanded. Returns the messages of which a number has no region yet, because an older release stored
-- it: with the listed numbers, or with NULL if they are those of contacts.
SELECT messages.church_id, messages.message_id,
       CASE messages.target_type WHEN 'numbers' THEN messages.target -> 'phoneNumbers' END AS numbers
FROM messages
WHERE messages.message_id = ANY (:message_ids::uuid[]) AND messages.expanded_at IS NULL AND messages.send_at <= now()
  AND messages.canceled_at IS NULL
  AND CASE messages.target_type
      WHEN 'numbers' THEN messages.target -> 'numberRegions' IS NULL
      ELSE (
          SELECT contacts.contact_id
          FROM contacts
          WHERE contacts.church_id = messages.church_id AND contacts.number_region IS NULL AND contacts.phone IS NOT NULL
          ORDER BY contacts.contact_id -- the order of an index, which is then read instead of the table
          LIMIT 1
      ) IS NOT NULL
  END
ORDER BY messages.church_id;

-- name: store_number_regions!
UPDATE messages
SET target = target || jsonb_build_object('numberRegions', :number_regions::text[])
WHERE message_id = :message_id;

-- name: tell_that_groups_are_known
-- Without this the database refuses to expand a message to groups (0019_contacts_and_groups.sql). Until the transaction ends.
SELECT set_config('koinonia.knows_groups', 'yes', true);

-- name: expand_messages
-- Writes one delivery for each recipient of the messages that are due. Idempotent: the same statement sets expanded_at.
-- Recipients that must not get the message are written as `suppressed` with the reason, so that the counts add up to the
-- audience.
-- On channels with quiet hours a delivery outside the texting hours is due when they begin, unless the message is urgent. The
-- zone is the contact's own, else the number's, else the church's; the hours are evaluated once for each message and zone.
-- A delivery of a message with merge fields gets the values of its contact and the segments of its text; one whose text cannot be
-- sent fails.
-- Returns the messages that this run expanded, how many deliveries were written, how many of them are queued, and the segments
-- of these if they have their own.
WITH message AS (
    UPDATE messages
    SET expanded_at = now(), merged_at = CASE WHEN messages.merge_fields IS NOT NULL THEN now() END
    FROM churches
    WHERE messages.message_id = ANY (:message_ids::uuid[]) AND messages.expanded_at IS NULL AND messages.send_at <= now()
      AND messages.canceled_at IS NULL AND churches.church_id = messages.church_id
    RETURNING messages.message_id, messages.church_id, messages.channel, messages.target_type, messages.target,
              messages.send_at, messages.paused_at, messages.urgent_reason, messages.merge_fields,
              plan_merging(messages.merge_fields) AS merge_plan, churches.time_zone, churches.window_opens,
              churches.window_closes, coalesce(churches.regions, :default_regions::text[]) AS regions
),
-- include: audience
quiet_zones AS MATERIALIZED ( -- otherwise the hours would be evaluated for each recipient
    SELECT message.message_id,
           audience_zones.zones,
           CASE WHEN :keeps_quiet_hours::boolean AND message.urgent_reason IS NULL THEN
               quiet_until(
                   greatest(message.send_at, now()), audience_zones.zones, message.time_zone, message.window_opens,
                   message.window_closes
               )
           END AS opens_at
    FROM message
    JOIN (SELECT DISTINCT message_id, zones FROM audience) AS audience_zones USING (message_id)
),
-- include: recipients
written AS (
    INSERT INTO deliveries (
        message_id, church_id, channel, contact_id, address, time_zones, status, reason, due_at, merge_values, segments
    )
    SELECT message.message_id, message.church_id, message.channel, recipients.contact_id, recipients.address,
           CASE WHEN :keeps_quiet_hours::boolean THEN nullif(recipients.zones, '') END,
           CASE
               WHEN recipients.reason IS NOT NULL THEN 'suppressed'
               WHEN merged.reason IS NOT NULL THEN 'failed'
               ELSE 'queued'
           END::delivery_status,
           coalesce(recipients.reason, merged.reason, CASE WHEN quiet_zones.opens_at IS NOT NULL THEN 'quiet hours' END),
           CASE WHEN message.paused_at IS NULL THEN coalesce(quiet_zones.opens_at, message.send_at) ELSE 'infinity' END,
           merged.merge_values, merged.segments
    FROM message
    JOIN recipients USING (message_id)
    JOIN quiet_zones USING (message_id, zones)
    LEFT JOIN LATERAL ( -- nothing is looked up for a message without merge fields
        SELECT merged_for.*
        FROM (SELECT) AS recipient
        LEFT JOIN contacts ON contacts.church_id = message.church_id AND contacts.contact_id = recipients.contact_id
        CROSS JOIN LATERAL merge_contact(
            message.merge_fields, message.merge_plan, contacts.name, contacts.phone, contacts.email, contacts.fields
        ) AS merged_for
        WHERE message.merge_fields IS NOT NULL AND recipients.reason IS NULL
        LIMIT 1
    ) AS merged ON true
    RETURNING message_id, status, segments
), counts AS (
    SELECT message_id, count(*) AS written, count(*) FILTER (WHERE status = 'queued') AS queued,
           sum(segments) FILTER (WHERE status = 'queued') AS queued_segments
    FROM written
    GROUP BY message_id
)
SELECT message.message_id, coalesce(counts.written, 0), coalesce(counts.queued, 0), counts.queued_segments
FROM message
LEFT JOIN counts USING (message_id);

-- name: channels_to_expand
SELECT DISTINCT channel
FROM messages
WHERE expanded_at IS NULL AND send_at <= now() AND canceled_at IS NULL;
