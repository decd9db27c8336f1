-- name: find_contacts
SELECT contact_id, name, phone, email, time_zone, created_at
FROM contacts
WHERE church_id = :church_id AND (phone = ANY (:addresses::text[]) OR email = ANY (:addresses::text[]))
ORDER BY contact_id;

-- name: find_opt_outs
SELECT address, source, opted_out_at
FROM opt_outs
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
ORDER BY opted_out_at, address;

-- name: find_consent_events
SELECT address, event, source, evidence, happened_at
FROM consent_events
WHERE church_id = :church_id AND address = ANY (:addresses::text[])
ORDER BY consent_event_id;

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
-- The deliveries of these messages to the addresses. There is no index of addresses: LATERAL probes the index of each message
-- for each address, as in find_carrier_id_owners; it has suppressed deliveries under NULL.
SELECT deliveries.delivery_id, messages.message_id, messages.channel,
       delivery_content(messages.content, messages.merge_fields, deliveries.merge_values) AS content,
       delivery_details(messages.details, messages.merge_fields, deliveries.merge_values) AS details, messages.send_at,
       deliveries.address, deliveries.status, deliveries.reason, deliveries.error_code, deliveries.attempts,
       deliveries.carrier_id, deliveries.updated_at
FROM unnest(:message_ids::uuid[]) AS listed (message_id)
CROSS JOIN unnest(:addresses::text[]) AS wanted (address)
JOIN messages ON messages.message_id = listed.message_id
CROSS JOIN LATERAL (
    SELECT sent.*
    FROM deliveries AS sent
    WHERE sent.message_id = listed.message_id
      AND (CASE WHEN sent.status <> 'suppressed' THEN sent.address END) = wanted.address
    UNION ALL
    SELECT suppressed.*
    FROM deliveries AS suppressed
    WHERE suppressed.message_id = listed.message_id
      AND (CASE WHEN suppressed.status <> 'suppressed' THEN suppressed.address END) IS NULL
      AND suppressed.status = 'suppressed' AND suppressed.address = wanted.address
) AS deliveries
WHERE messages.church_id = :church_id
ORDER BY messages.message_id, deliveries.delivery_id;

-- name: lock_church
-- One erasure or import of a church at a time: an import that began before must not store the person again afterwards.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: delete_contacts
DELETE FROM contacts
WHERE church_id = :church_id AND (phone = ANY (:addresses::text[]) OR email = ANY (:addresses::text[]))
RETURNING phone, email;

-- name: erase_from_schedules!
UPDATE schedules
SET target = without_addresses(target, :addresses::text[]), updated_at = now()
WHERE church_id = :church_id
  AND (jsonb_exists_any(target -> 'phoneNumbers', :addresses::text[])
       OR jsonb_exists_any(target -> 'emailAddresses', :addresses::text[]));

-- name: lock_unfinished_messages!
-- Waits for an expansion of these messages that began before the contacts were deleted: it may still write a delivery to one of
-- them. Messages are locked before their deliveries, as everywhere.
SELECT FROM messages
WHERE message_id = ANY (:message_ids::uuid[]) AND church_id = :church_id AND completed_at IS NULL
ORDER BY message_id
FOR UPDATE;

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
        SELECT sent.delivery_id
        FROM deliveries AS sent
        WHERE sent.message_id = listed.message_id AND sent.church_id = :church_id
          AND (CASE WHEN sent.status <> 'suppressed' THEN sent.address END) = wanted.address
        UNION ALL
        SELECT suppressed.delivery_id
        FROM deliveries AS suppressed
        WHERE suppressed.message_id = listed.message_id AND suppressed.church_id = :church_id
          AND (CASE WHEN suppressed.status <> 'suppressed' THEN suppressed.address END) IS NULL
          AND suppressed.status = 'suppressed' AND suppressed.address = wanted.address
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
