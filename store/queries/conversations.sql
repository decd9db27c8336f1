-- name: page_conversations
-- The latest first, with the last text, which one of two tables has, and how much of what the person wrote nobody has read: counted
-- up to `most_unread`, so that a number that floods a church costs no more than others. Each part is an index probe.
SELECT latest.conversation_id, latest.address, latest.last_reply_id,
       coalesce(inbound.received_at, outbound.created_at) AS last_at,
       coalesce(inbound.content, outbound.content) AS last_content,
       inbound.inbound_message_id IS NOT NULL AS last_is_inbound,
       unread.messages AS unread,
       opt_outs.opted_out_at
FROM (
    SELECT conversation_id, address, last_reply_id
    FROM conversations
    WHERE church_id = :church_id AND last_reply_id < :before
    ORDER BY last_reply_id DESC
    LIMIT :row_limit
) AS latest
LEFT JOIN inbound_messages AS inbound
    ON inbound.inbound_message_id = latest.last_reply_id AND inbound.church_id = :church_id
LEFT JOIN messages AS outbound ON outbound.message_id = latest.last_reply_id AND outbound.church_id = :church_id
LEFT JOIN opt_outs ON opt_outs.church_id = :church_id AND opt_outs.address = latest.address
CROSS JOIN LATERAL (
    SELECT count(*) AS messages
    FROM (
        SELECT FROM inbound_messages
        WHERE church_id = :church_id AND from_address = latest.address AND read_at IS NULL AND keyword IS NULL
        LIMIT :most_unread
    ) AS counted
) AS unread
ORDER BY latest.last_reply_id DESC;

-- name: find_conversation
-- By its own id, or by that of a contact, whose number need not have a conversation yet. `contact_id` is NULL for the former.
SELECT conversations.conversation_id, conversations.address, NULL::uuid AS contact_id
FROM conversations
WHERE conversations.church_id = :church_id AND conversations.conversation_id = :id
UNION ALL
SELECT conversations.conversation_id, contacts.phone, contacts.contact_id
FROM contacts
LEFT JOIN conversations ON conversations.church_id = contacts.church_id AND conversations.address = contacts.phone
WHERE contacts.church_id = :church_id AND contacts.contact_id = :id;

-- name: find_conversation_of_address
SELECT conversation_id, address, NULL::uuid AS contact_id
FROM conversations
WHERE church_id = :church_id AND address = :address;

-- name: count_unread
SELECT count(*)
FROM (
    SELECT FROM inbound_messages
    WHERE church_id = :church_id AND from_address = :address AND read_at IS NULL AND keyword IS NULL
    LIMIT :most_unread
) AS counted;

-- name: wrote_since
SELECT EXISTS (
    SELECT FROM inbound_messages
    WHERE church_id = :church_id AND from_address = :address AND inbound_message_id >= :since
);

-- name: find_horizon
-- The last of the next `look_back` broadcasts of a church before a time and id; no row if it has fewer.
SELECT send_at, message_id
FROM messages
WHERE church_id = :church_id AND kind = 'broadcast' AND (send_at, message_id) < (:before_at, :before_message_id)
  AND send_at <= now()
ORDER BY send_at DESC, message_id DESC
OFFSET :look_back::bigint - 1
LIMIT 1;

-- name: page_history
-- What a person wrote and what was sent to them, newest first, before a time and id and not before the horizon. Ids of inbound
-- messages and direct texts are in the order of time, so that `before_id` bounds both; a broadcast has the time at which it was due.
-- There is no index that begins with addresses: each broadcast is probed for the address. The horizon limits how many are probed,
-- however many the church has. The values of merge fields are put into the texts of the page only.
WITH broadcasts AS MATERIALIZED (
    SELECT message_id, send_at, channel, content, merge_fields, kind
    FROM messages
    WHERE church_id = :church_id AND kind = 'broadcast' AND (send_at, message_id) < (:before_at, :before_message_id)
      AND send_at <= now() AND (send_at, message_id) >= (:horizon_at, :horizon_id)
)
SELECT at, id, shown_at, kind, channel, delivery_content(content, merge_fields, merge_values) AS content, media, keyword, read_at,
       message_id, delivery_id, status, reason, error_code
FROM (
    (
        SELECT uuid_extract_timestamp(inbound_message_id) AS at, inbound_message_id AS id, received_at AS shown_at,
               'inbound' AS kind, channel, content, NULL::jsonb AS merge_fields, NULL::text[] AS merge_values, media, keyword,
               read_at, NULL::uuid AS message_id, NULL::uuid AS delivery_id, NULL::text AS status, NULL::text AS reason,
               NULL::text AS error_code
        FROM inbound_messages
        WHERE church_id = :church_id AND from_address = :address AND inbound_message_id < :before_id
        ORDER BY inbound_message_id DESC
        LIMIT :row_limit
    )
    UNION ALL
    (
        SELECT uuid_extract_timestamp(messages.message_id), messages.message_id, messages.created_at, messages.kind,
               messages.channel, messages.content, NULL, NULL, '[]', NULL, NULL, messages.message_id,
               deliveries.delivery_id, deliveries.status::text, deliveries.reason, deliveries.error_code
        FROM messages
        JOIN deliveries ON deliveries.message_id = messages.message_id
        WHERE messages.church_id = :church_id AND messages.conversation_id = :conversation_id
          AND messages.message_id < :before_id AND deliveries.address IS NOT NULL
        ORDER BY messages.message_id DESC
        LIMIT :row_limit
    )
    UNION ALL
    (
        SELECT broadcasts.send_at, broadcasts.message_id, broadcasts.send_at, broadcasts.kind, broadcasts.channel,
               broadcasts.content, broadcasts.merge_fields, deliveries.merge_values, '[]', NULL, NULL, broadcasts.message_id,
               deliveries.delivery_id, deliveries.status::text, deliveries.reason, deliveries.error_code
        FROM broadcasts
        CROSS JOIN LATERAL (
            SELECT delivery_id, status, reason, error_code, merge_values
            FROM deliveries
            WHERE deliveries.message_id = broadcasts.message_id AND deliveries.address = :address
              AND deliveries.status <> 'suppressed'
            OFFSET 0
        ) AS deliveries
        ORDER BY broadcasts.send_at DESC, broadcasts.message_id DESC
        LIMIT :row_limit
    )
) AS texts
WHERE (at, id) >= (:horizon_at, :horizon_id)
ORDER BY at DESC, id DESC
LIMIT :row_limit;
