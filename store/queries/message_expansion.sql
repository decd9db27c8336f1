-- name: find_unjudged
-- Before its audience is written: the listed numbers of a message of before their regions were stored with them, and
-- whether any of the church's contacts was not judged yet.
SELECT CASE WHEN target_type = 'numbers' AND target -> 'numberRegions' IS NULL THEN target -> 'phoneNumbers' END,
       target_type <> 'numbers' AND (
           SELECT contacts.contact_id
           FROM contacts
           WHERE contacts.church_id = :church_id AND contacts.number_region IS NULL AND contacts.phone IS NOT NULL
           ORDER BY contacts.contact_id -- in the order of an index, which is then read and not the table
           LIMIT 1
       ) IS NOT NULL
FROM messages
WHERE message_id = :message_id AND church_id = :church_id AND expanded_at IS NULL AND send_at <= now()
  AND canceled_at IS NULL;

-- name: expand_message
-- The target becomes deliveries, all or none: the message is marked in the same statement, and a second run finds it
-- marked. Those not to be sent are written too, with their reason, so that the counts add up to the audience.
-- Where it is outside the hours for texting, by the contact's own zone, else the number's, else the church's, a delivery is
-- due when they begin: worked out once for each zone. Not all channels keep such hours, nor does what is urgent.
-- Numbers of other regions than the church may text are not sent to, nor are those of kinds that are never texted (''). How
-- many were written, how many of them are to be sent, and whether it was done now.
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
), opening AS (
    SELECT places.zones,
           quiet_until(
               greatest(message.send_at, now()), places.zones, churches.time_zone, churches.window_opens,
               churches.window_closes
           ) AS opens_at
    FROM message
    JOIN churches ON churches.church_id = :church_id
    CROSS JOIN (SELECT DISTINCT zones FROM audience) AS places
    WHERE :keeps_quiet_hours::boolean AND message.urgent_reason IS NULL
), judged AS (
    SELECT audience.contact_id,
           audience.address,
           audience.zones,
           CASE
               WHEN audience.address IS NULL THEN 'no address'
               WHEN opt_outs.source = 'bounce' THEN 'bounced before'
               WHEN opt_outs.address IS NOT NULL THEN 'opted out'
               WHEN :address_kind::text = 'phone' AND coalesce(audience.region, '') = '' THEN 'number is never texted'
               WHEN audience.region <> ALL (allowed.regions) THEN 'region not allowed'
               WHEN row_number() OVER (PARTITION BY audience.address ORDER BY audience.contact_id) > 1
                   THEN 'duplicate'
           END AS reason
    FROM audience
    CROSS JOIN (
        SELECT CASE :address_kind::text WHEN 'phone' THEN coalesce(regions, :default_regions::text[]) END AS regions
        FROM churches
        WHERE church_id = :church_id
    ) AS allowed
    LEFT JOIN opt_outs ON opt_outs.church_id = :church_id AND opt_outs.address = audience.address
), written AS (
    INSERT INTO deliveries (
        message_id, church_id, channel, contact_id, address, time_zones, status, reason, due_at
    )
    SELECT message.message_id, :church_id, message.channel, judged.contact_id, judged.address,
           CASE WHEN :keeps_quiet_hours::boolean THEN nullif(judged.zones, '') END,
           CASE WHEN judged.reason IS NULL THEN 'queued' ELSE 'suppressed' END::delivery_status,
           coalesce(judged.reason, CASE WHEN opening.opens_at IS NOT NULL THEN 'quiet hours' END),
           CASE WHEN message.paused_at IS NULL THEN coalesce(opening.opens_at, message.send_at) ELSE 'infinity' END
    FROM message
    CROSS JOIN judged
    LEFT JOIN opening ON opening.zones = judged.zones
    RETURNING status
)
SELECT count(*), count(*) FILTER (WHERE status = 'queued'), EXISTS (SELECT FROM message) FROM written;

-- name: next_expansion
-- The one whose hour came first. Skips messages that another worker is expanding.
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
