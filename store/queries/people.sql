-- name: find_contacts
SELECT contact_id, name, phone, email, time_zone, fields, created_at,
       ARRAY(
           SELECT groups.name
           FROM group_members
           JOIN groups ON groups.group_id = group_members.group_id
           WHERE group_members.contact_id = contacts.contact_id
           ORDER BY groups.name
       ) AS groups
FROM contacts
WHERE church_id = :church_id AND (phone = ANY (:addresses::text[]) OR email = ANY (:addresses::text[]))
ORDER BY contact_id;

-- name: find_opt_outs
-- From the church, and from single senders of it.
SELECT address, source, opted_out_at, NULL AS sender
FROM opt_outs
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
UNION ALL
SELECT address, source, opted_out_at, sender
FROM sender_opt_outs
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
ORDER BY opted_out_at, address, sender;

-- name: find_consent_events
SELECT address, event, source, evidence, happened_at, channel, sender
FROM consent_events
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
ORDER BY consent_event_id;

-- name: find_inbound_messages
-- What the person wrote to the church.
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at
FROM inbound_messages
WHERE church_id = :church_id AND from_address = ANY (:addresses::text[])
ORDER BY inbound_message_id;

-- name: erase_inbound_messages!
-- Removes the texts and numbers of what the person wrote. The rows stay, as those of deliveries.
UPDATE inbound_messages
SET content = '', from_address = '', media = '[]', redacted_at = now(), read_at = coalesce(inbound_messages.read_at, now())
FROM (
    SELECT inbound_message_id
    FROM inbound_messages
    WHERE church_id = :church_id AND from_address = ANY (:addresses::text[])
    ORDER BY inbound_message_id
    FOR UPDATE
) AS found
WHERE inbound_messages.inbound_message_id = found.inbound_message_id;

-- name: delete_conversations!
DELETE FROM conversations
WHERE church_id = :church_id AND address = ANY (:addresses::text[]);

-- name: find_schedules
-- Schedules whose target lists an address.
SELECT schedule_id
FROM schedules
WHERE church_id = :church_id
  AND (jsonb_exists_any(target -> 'phoneNumbers', :addresses::text[])
       OR jsonb_exists_any(target -> 'emailAddresses', :addresses::text[]))
ORDER BY schedule_id;

-- name: page_messages_with_deliveries
-- The ids of one page of messages of the church whose deliveries are kept, oldest first. `after` always bounds the index scan.
SELECT message_id
FROM messages
WHERE church_id = :church_id AND message_id > :after AND prune_began_at IS NULL
ORDER BY message_id
LIMIT :row_limit;

-- name: find_deliveries
-- The deliveries of these messages to the addresses. There is no index that begins with addresses: LATERAL probes deliveries_of_address
-- for each message and address.
SELECT deliveries.delivery_id, messages.message_id, messages.channel,
       delivery_content(messages.content, messages.merge_fields, deliveries.merge_values) AS content,
       delivery_details(messages.details, messages.merge_fields, deliveries.merge_values) AS details, messages.send_at,
       deliveries.address, deliveries.status, deliveries.reason, deliveries.error_code, deliveries.attempts,
       deliveries.carrier_id, deliveries.updated_at
FROM unnest(:message_ids::uuid[]) AS listed (message_id)
CROSS JOIN unnest(:addresses::text[]) AS wanted (address)
JOIN messages ON messages.message_id = listed.message_id
CROSS JOIN LATERAL (
    SELECT deliveries.*
    FROM deliveries
    WHERE deliveries.message_id = listed.message_id AND deliveries.address = wanted.address
    OFFSET 0
) AS deliveries
WHERE messages.church_id = :church_id
ORDER BY messages.message_id, deliveries.delivery_id;

-- name: lock_church
-- One erasure or import of a church at a time: an import that began before must not store the person again afterwards.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: delete_contacts
DELETE FROM contacts
WHERE church_id = :church_id AND (phone = ANY (:addresses::text[]) OR email = ANY (:addresses::text[]))
RETURNING contact_id, phone, email;

-- name: erase_from_schedules!
UPDATE schedules
SET target = without_addresses(target, :addresses::text[]), updated_at = now()
WHERE church_id = :church_id
  AND (jsonb_exists_any(target -> 'phoneNumbers', :addresses::text[])
       OR jsonb_exists_any(target -> 'emailAddresses', :addresses::text[]));

-- name: erase_from_conditions!
-- Smart groups whose condition names an address: nobody has it any more, so another text that nobody has keeps the meaning.
UPDATE groups
SET condition = erased.condition, updated_at = now()
FROM (
    SELECT found.group_id,
           regexp_replace(found.condition::text, found.texts, '"erased"', 'gi')::jsonb AS condition
    FROM (
        SELECT group_id, condition,
               '"(' || (
                   SELECT string_agg(regexp_replace(address, '([^A-Za-z0-9@])', '\\\1', 'g'), '|')
                   FROM unnest(:addresses::text[]) AS listed (address)
               ) || ')"' AS texts
        FROM groups
        WHERE church_id = :church_id AND condition IS NOT NULL
    ) AS found
    WHERE found.condition::text ~* found.texts
) AS erased
WHERE groups.group_id = erased.group_id AND groups.church_id = :church_id;

-- name: lock_unfinished_messages!
-- Waits for an expansion of these messages that began before the contacts were deleted: it may still write a delivery to one of
-- them. Messages are locked before their deliveries, as everywhere.
SELECT FROM messages
WHERE message_id = ANY (:message_ids::uuid[]) AND church_id = :church_id AND completed_at IS NULL
ORDER BY message_id
FOR UPDATE;

-- name: erase_direct_texts!
-- Removes what was written to the person alone: unlike the text of a broadcast, it is about them. One that is being submitted or in doubt
-- keeps its text, by which the carrier is asked about it, until it is redacted.
UPDATE messages
SET content = '', details = '{}', redacted_at = now()
WHERE message_id = ANY (:message_ids::uuid[]) AND church_id = :church_id AND kind <> 'broadcast' AND redacted_at IS NULL
  AND jsonb_exists_any(target -> 'phoneNumbers', :addresses::text[])
  AND NOT EXISTS (
      SELECT FROM deliveries
      WHERE deliveries.message_id = messages.message_id AND deliveries.status IN ('sending', 'unknown')
  );

-- name: erase_from_targets!
UPDATE messages
SET target = without_addresses(target, :addresses::text[])
WHERE message_id = ANY (:message_ids::uuid[]) AND church_id = :church_id
  AND (jsonb_exists_any(target -> 'phoneNumbers', :addresses::text[])
       OR jsonb_exists_any(target -> 'emailAddresses', :addresses::text[]));

-- name: erase_deliveries
-- Removes the addresses from the deliveries of these messages. What is queued is suppressed instead of sent. What is being
-- submitted or in doubt keeps its address until its result is known: otherwise the carrier could not be asked about it.
-- Returns how many were erased, how many of them were queued, and how many keep the address.
WITH found AS MATERIALIZED (
    SELECT matching.delivery_id
    FROM unnest(:message_ids::uuid[]) AS listed (message_id)
    CROSS JOIN unnest(:addresses::text[]) AS wanted (address)
    CROSS JOIN LATERAL (
        SELECT deliveries.delivery_id
        FROM deliveries
        WHERE deliveries.message_id = listed.message_id AND deliveries.address = wanted.address
          AND deliveries.church_id = :church_id
        OFFSET 0
    ) AS matching
), locked AS MATERIALIZED (
    SELECT deliveries.delivery_id, deliveries.status
    FROM found
    JOIN deliveries ON deliveries.delivery_id = found.delivery_id
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), erased AS (
    UPDATE deliveries
    SET address = NULL,
        contact_id = NULL,
        time_zones = NULL,
        merge_values = NULL,
        status = CASE locked.status WHEN 'queued' THEN 'suppressed' ELSE locked.status END,
        reason = CASE locked.status WHEN 'queued' THEN 'erased' ELSE deliveries.reason END,
        updated_at = CASE locked.status WHEN 'queued' THEN now() ELSE deliveries.updated_at END
    FROM locked
    WHERE deliveries.delivery_id = locked.delivery_id AND locked.status NOT IN ('sending', 'unknown')
    RETURNING locked.status
)
SELECT (SELECT count(*) FROM erased) AS erased,
       (SELECT count(*) FROM erased WHERE status = 'queued') AS stopped,
       (SELECT count(*) FROM locked WHERE status IN ('sending', 'unknown')) AS unfinished;
