-- name: find_unlocated_numbers
-- Run before a message is expanded. Returns the numbers of its target, if their regions are not stored with them (an older
-- release), and whether a contact of the church has a number without a region.
SELECT CASE WHEN target_type = 'numbers' AND target -> 'numberRegions' IS NULL THEN target -> 'phoneNumbers' END,
       target_type <> 'numbers' AND (
           SELECT contacts.contact_id
           FROM contacts
           WHERE contacts.church_id = :church_id AND contacts.number_region IS NULL AND contacts.phone IS NOT NULL
           ORDER BY contacts.contact_id -- the order of an index, which is then read instead of the table
           LIMIT 1
       ) IS NOT NULL
FROM messages
WHERE message_id = :message_id AND church_id = :church_id AND expanded_at IS NULL AND send_at <= now()
  AND canceled_at IS NULL;

-- name: expand_message
-- Writes one delivery for each recipient. Idempotent: the same statement sets expanded_at. Recipients that must not get the
-- message are written as `suppressed` with the reason, so that the counts add up to the audience.
-- On channels with quiet hours a delivery outside the texting hours is due when they begin, unless the message is urgent. The
-- zone is the contact's own, else the number's, else the church's; the hours are evaluated once for each zone.
-- Numbers of regions that the church may not text, and of kinds that are never texted (region ''), are suppressed.
-- Returns how many deliveries were written, how many of them are queued, and whether this run expanded the message.
WITH message AS (
    UPDATE messages
    SET expanded_at = now()
    WHERE message_id = :message_id AND church_id = :church_id AND expanded_at IS NULL AND send_at <= now()
      AND canceled_at IS NULL
    RETURNING message_id, channel, target_type, target, send_at, paused_at, urgent_reason
), audience AS (
    SELECT contacts.contact_id,
           CASE :address_kind::text WHEN 'phone' THEN contacts.phone WHEN 'email' THEN contacts.email END AS address,
           coalesce(contacts.time_zone, contacts.number_zones, '') AS zones,
           contacts.number_region AS region
    FROM message
    JOIN contacts ON contacts.church_id = :church_id
    WHERE message.target_type = 'all'
    UNION ALL
    SELECT listed.contact_id::uuid,
           CASE :address_kind::text WHEN 'phone' THEN contacts.phone WHEN 'email' THEN contacts.email END,
           coalesce(contacts.time_zone, contacts.number_zones, ''),
           contacts.number_region
    FROM message
    CROSS JOIN LATERAL jsonb_array_elements_text(message.target -> 'contactIds') AS listed (contact_id)
    LEFT JOIN contacts ON contacts.church_id = :church_id AND contacts.contact_id = listed.contact_id::uuid
    WHERE message.target_type = 'contacts'
    UNION ALL
    SELECT NULL, listed.address, coalesce(listed.zones, ''), listed.region
    FROM message
    CROSS JOIN LATERAL ROWS FROM (
        jsonb_array_elements_text(coalesce(message.target -> 'phoneNumbers', message.target -> 'emailAddresses')),
        jsonb_array_elements_text(coalesce(message.target -> 'numberZones', '[]')),
        jsonb_array_elements_text(coalesce(message.target -> 'numberRegions', to_jsonb(:number_regions::text[])))
    ) AS listed (address, zones, region)
    WHERE message.target_type IN ('numbers', 'addresses')
), quiet_zones AS (
    SELECT audience_zones.zones,
           quiet_until(
               greatest(message.send_at, now()), audience_zones.zones, churches.time_zone, churches.window_opens,
               churches.window_closes
           ) AS opens_at
    FROM message
    JOIN churches ON churches.church_id = :church_id
    CROSS JOIN (SELECT DISTINCT zones FROM audience) AS audience_zones
    WHERE :keeps_quiet_hours::boolean AND message.urgent_reason IS NULL
), recipients AS (
    SELECT audience.contact_id,
           audience.address,
           audience.zones,
           CASE
               WHEN audience.address IS NULL THEN 'no address'
               WHEN opt_outs.source = 'bounce' THEN 'bounced before'
               WHEN opt_outs.address IS NOT NULL THEN 'opted out'
               WHEN :address_kind::text = 'phone' AND coalesce(audience.region, '') = '' THEN 'number is never texted'
               WHEN audience.region <> ALL (allowed_regions.regions) THEN 'region not allowed'
               WHEN row_number() OVER (PARTITION BY audience.address ORDER BY audience.contact_id) > 1
                   THEN 'duplicate'
           END AS reason
    FROM audience
    CROSS JOIN (
        SELECT CASE :address_kind::text WHEN 'phone' THEN coalesce(regions, :default_regions::text[]) END AS regions
        FROM churches
        WHERE church_id = :church_id
    ) AS allowed_regions
    LEFT JOIN opt_outs ON opt_outs.church_id = :church_id AND opt_outs.address = audience.address
), written AS (
    INSERT INTO deliveries (
        message_id, church_id, channel, contact_id, address, time_zones, status, reason, due_at
    )
    SELECT message.message_id, :church_id, message.channel, recipients.contact_id, recipients.address,
           CASE WHEN :keeps_quiet_hours::boolean THEN nullif(recipients.zones, '') END,
           CASE WHEN recipients.reason IS NULL THEN 'queued' ELSE 'suppressed' END::delivery_status,
           coalesce(recipients.reason, CASE WHEN quiet_zones.opens_at IS NOT NULL THEN 'quiet hours' END),
           CASE WHEN message.paused_at IS NULL THEN coalesce(quiet_zones.opens_at, message.send_at) ELSE 'infinity' END
    FROM message
    CROSS JOIN recipients
    LEFT JOIN quiet_zones ON quiet_zones.zones = recipients.zones
    RETURNING status
)
SELECT count(*), count(*) FILTER (WHERE status = 'queued'), EXISTS (SELECT FROM message) FROM written;

-- name: next_expansion
-- The message with the earliest send_at. Skips messages that another worker is expanding.
SELECT church_id, message_id, request_id
FROM messages
WHERE channel = :channel AND expanded_at IS NULL AND send_at <= now() AND canceled_at IS NULL
  AND message_id <> ALL (:excluded_ids::uuid[])
ORDER BY send_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: channels_to_expand
SELECT DISTINCT channel
FROM messages
WHERE expanded_at IS NULL AND send_at <= now() AND canceled_at IS NULL;
