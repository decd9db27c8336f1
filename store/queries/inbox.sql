-- name: find_churches
-- The churches that send from the address or the messaging service that was written to: usually one. Several may share it.
-- With the key under which opt-outs of the sender are stored.
SELECT church_id, coalesce(messaging_service_sid, address) AS sender FROM senders WHERE address = :to_address
UNION
SELECT church_id, messaging_service_sid FROM senders WHERE messaging_service_sid = :messaging_service_sid::text
ORDER BY church_id;

-- name: find_last_texter
-- Which of several churches that share an address texted the person last. Of each church the latest messages are looked through,
-- and of all of them at most 2,000, with one probe of an index for each: there is no index of the addresses of deliveries.
SELECT recent.church_id
FROM (
    SELECT latest.church_id, latest.message_id, latest.send_at
    FROM unnest(:church_ids::uuid[]) AS sharing (church_id)
    CROSS JOIN LATERAL (
        SELECT messages.church_id, messages.message_id, messages.send_at
        FROM messages
        WHERE messages.church_id = sharing.church_id
        ORDER BY messages.message_id DESC
        LIMIT :messages_each
    ) AS latest
    ORDER BY latest.message_id DESC
    LIMIT 2000
) AS recent
CROSS JOIN LATERAL (
    SELECT
    FROM deliveries
    WHERE deliveries.message_id = recent.message_id
      AND deliveries.address = :from_address AND deliveries.status <> 'suppressed' AND deliveries.attempts > 0
    LIMIT 1
) AS texted
ORDER BY recent.send_at DESC, recent.message_id DESC
LIMIT 1;

-- name: find_church_of_contact
-- The first of several churches that has the person among its contacts.
SELECT church_id
FROM contacts
WHERE church_id = ANY (:church_ids::uuid[]) AND phone = :from_address
ORDER BY church_id
LIMIT 1;

-- name: insert_inbound_message
-- Returns no row if the message is stored already.
INSERT INTO inbound_messages (church_id, channel, carrier_id, from_address, to_address, content, media, keyword)
VALUES (:church_id, :channel, :carrier_id, :from_address, :to_address, :content, :media, :keyword)
ON CONFLICT (carrier_id) DO NOTHING
RETURNING inbound_message_id;

-- name: was_answered
-- Whether a keyword of the person to this address was answered within a day: a call for help, or any other. The ids are in the
-- order of time, so that an index of them bounds the search.
SELECT EXISTS (
    SELECT FROM inbound_messages
    WHERE from_address = :from_address AND to_address = :to_address AND keyword_reply_id IS NOT NULL
      AND inbound_message_id > (SELECT uuidv7('-1 day'::interval))
      AND (keyword = 'help') = :is_help::boolean
);

-- name: set_keyword_reply!
UPDATE inbound_messages
SET keyword_reply_id = :message_id
WHERE inbound_message_id = :inbound_message_id;
