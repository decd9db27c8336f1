-- name: insert_message
-- Nothing comes back when the church has used the idempotency key before, or has no sender on the channel.
INSERT INTO messages (
    church_id, channel, content, details, segments, target_type, target, idempotency_key, request_hash, request_id,
    send_at, urgent_reason, schedule_id, counted_on, counted_segments
)
SELECT church_id, channel, :content, :details, :segments, :target_type, :target, :idempotency_key, :request_hash,
       :request_id, coalesce(:send_at, now()), :urgent_reason, :schedule_id, :counted_on, :counted_segments
FROM senders
WHERE church_id = :church_id AND channel = :channel
ON CONFLICT (church_id, idempotency_key) DO NOTHING
RETURNING message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
          expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason;

-- name: find_by_idempotency_key
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id AND idempotency_key = :idempotency_key;

-- name: get_message
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id AND message_id = :message_id;

-- name: page_messages
-- Newest first, of some statuses (as store/messages.py reads them off a row) or of all. The end is always a bound of the
-- index, also in a plan made before `before` is known.
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id
  AND message_id < :before
  AND (
      :statuses::text[] IS NULL
      OR CASE
          WHEN canceled_at IS NOT NULL THEN 'canceled'
          WHEN paused_at IS NOT NULL THEN 'paused'
          WHEN completed_at IS NOT NULL THEN 'completed'
          WHEN expanded_at IS NOT NULL THEN 'sending'
          WHEN send_at > now() THEN 'scheduled'
          ELSE 'accepted'
      END = ANY (:statuses::text[])
  )
ORDER BY message_id DESC
LIMIT :row_limit;

-- name: count_deliveries
-- One snapshot, so that the parts add up to the whole at every moment.
SELECT status, count(*) AS deliveries
FROM deliveries
WHERE message_id = :message_id
GROUP BY status;

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
-- The one whose hour came first. What another worker is expanding is passed over.
SELECT church_id, message_id, request_id
FROM messages
WHERE channel = :channel AND expanded_at IS NULL AND send_at <= now() AND canceled_at IS NULL
  AND message_id <> ALL (:passing_over::uuid[])
ORDER BY send_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: channels_to_expand
SELECT DISTINCT channel
FROM messages
WHERE expanded_at IS NULL AND send_at <= now() AND canceled_at IS NULL;

-- name: lock_open_messages
-- Those that may be complete, of one church or of all. What somebody else holds is left to them.
SELECT message_id
FROM messages
WHERE completed_at IS NULL
  AND (expanded_at IS NOT NULL OR canceled_at IS NOT NULL)
  AND (:church_ids::uuid[] IS NULL OR church_id = ANY (:church_ids::uuid[]))
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'queued')
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'sending')
FOR UPDATE SKIP LOCKED;

-- name: complete_messages!
-- Once they are locked, and with a fresh look at their deliveries: whoever puts one back into the queue reopens its message,
-- and did so before this lock or waits for it.
UPDATE messages
SET completed_at = now()
WHERE message_id = ANY (:message_ids::uuid[])
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'queued')
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'sending');

-- name: lock_message
-- What people say of one message is done one after the other.
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason
FROM messages
WHERE church_id = :church_id AND message_id = :message_id
FOR UPDATE;

-- name: cancel_message!
UPDATE messages
SET canceled_at = now(), paused_at = NULL
WHERE church_id = :church_id AND message_id = :message_id;

-- name: cancel_deliveries!
-- All that was not submitted. What is at the carrier, or may be, stays what it is.
UPDATE deliveries
SET status = 'canceled', updated_at = now()
FROM (
    SELECT delivery_id
    FROM deliveries
    WHERE message_id = :message_id AND status = 'queued'
    ORDER BY delivery_id
    FOR UPDATE
) AS unsent
WHERE deliveries.delivery_id = unsent.delivery_id AND deliveries.status = 'queued';

-- name: pause_message!
UPDATE messages
SET paused_at = now()
WHERE church_id = :church_id AND message_id = :message_id;

-- name: put_off_deliveries!
-- Out of the claim's way, so that a paused message of any size costs the others nothing.
UPDATE deliveries
SET due_at = 'infinity', updated_at = now()
FROM (
    SELECT delivery_id
    FROM deliveries
    WHERE message_id = :message_id AND status = 'queued'
    ORDER BY delivery_id
    FOR UPDATE
) AS unsent
WHERE deliveries.delivery_id = unsent.delivery_id AND deliveries.status = 'queued';

-- name: resume_message!
-- Its age counts anew: whoever lets it go on means it to go out now.
UPDATE messages
SET paused_at = NULL, resumed_at = now()
WHERE church_id = :church_id AND message_id = :message_id;

-- name: bring_back_deliveries!
-- In their old place: before what was accepted after them.
UPDATE deliveries
SET due_at = :send_at, updated_at = now()
FROM (
    SELECT delivery_id
    FROM deliveries
    WHERE message_id = :message_id AND status = 'queued' AND due_at = 'infinity'
    ORDER BY delivery_id
    FOR UPDATE
) AS paused
WHERE deliveries.delivery_id = paused.delivery_id AND deliveries.status = 'queued';

-- name: retry_deliveries!
-- Those that failed, of all or of the chosen reasons or codes. A new attempt begins, so that a late failure of the old one
-- is not taken for this one's, and their age counts anew: the person means it now. Whoever opted out is suppressed at the claim;
-- of a paused message they wait with the rest.
UPDATE deliveries
SET status = 'queued',
    due_at = (
        SELECT CASE WHEN paused_at IS NULL THEN now() ELSE 'infinity' END FROM messages WHERE message_id = :message_id
    ),
    age_from = now(),
    tries = 0,
    attempts = attempts + 1,
    carrier_id = NULL,
    updated_at = now()
FROM (
    SELECT delivery_id
    FROM deliveries
    WHERE message_id = :message_id
      AND status IN ('failed', 'undelivered')
      AND (:reasons::text[] IS NULL OR reason = ANY (:reasons::text[]))
      AND (:error_codes::text[] IS NULL OR error_code = ANY (:error_codes::text[]))
    ORDER BY delivery_id
    FOR UPDATE
) AS dead
WHERE deliveries.delivery_id = dead.delivery_id AND deliveries.status IN ('failed', 'undelivered');

-- name: reopen_message!
UPDATE messages
SET completed_at = NULL, settled_at = NULL
WHERE church_id = :church_id AND message_id = :message_id;

-- name: settle_messages!
-- Every delivery has its end, or it is too long ago for the carrier to say more of those that it accepted. Not asked about
-- again. What is in doubt has no end, however long ago: it is found, or a person decides.
UPDATE messages
SET settled_at = now()
WHERE message_id IN (
    SELECT message_id
    FROM messages
    WHERE completed_at IS NOT NULL AND settled_at IS NULL
      AND NOT EXISTS (
          SELECT FROM deliveries
          WHERE deliveries.message_id = messages.message_id
            AND (
                deliveries.status IN ('queued', 'sending', 'unknown')
                OR deliveries.status = 'sent' AND messages.completed_at >= now() - :give_up_seconds * interval '1 second'
            )
      )
    FOR UPDATE SKIP LOCKED
);
