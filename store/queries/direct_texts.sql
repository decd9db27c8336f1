-- name: lock_person!
-- Until the end of the transaction: what one person writes is received one after the other, so that a message that comes twice
-- is stored once, and of several keywords at the same moment only one is answered. Who writes to the person alone takes it too,
-- before the counts of the church: the answer to a keyword has the row of the conversation and waits for those counts, and a
-- reply of the staff would have the counts and wait for the conversation.
SELECT pg_advisory_xact_lock(hashtextextended('inbound ' || :address::text, 0));

-- name: write_delivery
-- The one delivery of a message that was just inserted, which with it counts as expanded. It is due first: the claim takes the
-- deliveries of a church by due_at, so a due time of a hundred years ago comes before every broadcast, and those that came
-- first stay first. Its age counts from age_from. Outside the texting hours it is due when they begin, unless the message is urgent;
-- move_due_first then moves it before the others.
-- The zone is that of the contact, else of the number, else of the church, as in expand_messages.
-- The text belongs to the conversation with its recipient, which begins if there is none.
WITH conversation AS (
    INSERT INTO conversations (church_id, address, last_message_id, last_reply_id)
    SELECT church_id, :address, message_id, CASE WHEN :kind::text = 'reply' THEN message_id END
    FROM messages
    WHERE message_id = :message_id
    ON CONFLICT (church_id, address) DO UPDATE
    SET last_message_id = greatest(conversations.last_message_id, excluded.last_message_id),
        last_reply_id = greatest(conversations.last_reply_id, excluded.last_reply_id)
    RETURNING conversation_id
), message AS (
    UPDATE messages
    SET expanded_at = now(), kind = :kind::text, conversation_id = (SELECT conversation_id FROM conversation)
    FROM churches
    WHERE messages.message_id = :message_id AND churches.church_id = messages.church_id
    RETURNING messages.message_id, messages.church_id, messages.channel, messages.urgent_reason, churches.time_zone,
              churches.window_opens, churches.window_closes
), recipient AS (
    SELECT message.*, zones.of_recipient,
           CASE WHEN :keeps_quiet_hours::boolean AND message.urgent_reason IS NULL THEN
               quiet_until(now(), zones.of_recipient, message.time_zone, message.window_opens, message.window_closes)
           END AS opens_at
    FROM message
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (
                SELECT contacts.time_zone FROM contacts
                WHERE contacts.church_id = message.church_id AND contacts.contact_id = :contact_id::uuid
            ),
            :number_zones
        ) AS of_recipient
    ) AS zones
)
INSERT INTO deliveries (
    message_id, church_id, channel, contact_id, address, time_zones, status, reason, due_at, age_from
)
SELECT message_id, church_id, channel, :contact_id::uuid, :address,
       CASE WHEN :keeps_quiet_hours::boolean THEN nullif(of_recipient, '') END,
       CASE WHEN :suppression::text IS NULL THEN 'queued' ELSE 'suppressed' END::delivery_status,
       coalesce(:suppression::text, CASE WHEN opens_at IS NOT NULL THEN 'quiet hours' END),
       coalesce(opens_at, now() - interval '100 years'), now()
FROM recipient
RETURNING (SELECT conversation_id FROM conversation);

-- name: get_conversation_id
SELECT conversation_id FROM messages WHERE church_id = :church_id AND message_id = :message_id;

-- name: move_due_first!
-- Moves single texts that became due at their usual place before the others: after their texting hours began, after a
-- transient refusal, or when a person resumed or retried them. Only open messages that are not broadcasts are read, of which an
-- index has few or none. Keeps their order, and the time from which their age counts, of which due_at was a part.
UPDATE deliveries
SET age_from = CASE WHEN deliveries.reason = 'quiet hours' THEN greatest(deliveries.age_from, deliveries.due_at)
                    ELSE deliveries.age_from END,
    due_at = deliveries.due_at - interval '100 years'
FROM (
    SELECT deliveries.delivery_id
    FROM messages
    JOIN deliveries ON deliveries.message_id = messages.message_id
    WHERE messages.kind <> 'broadcast' AND messages.completed_at IS NULL
      AND deliveries.status = 'queued' AND deliveries.due_at <= now() AND deliveries.due_at > now() - interval '50 years'
    ORDER BY deliveries.delivery_id
    LIMIT :row_limit
    FOR UPDATE OF deliveries SKIP LOCKED
) AS due
WHERE deliveries.delivery_id = due.delivery_id; -- locked as queued; a condition would offer the index of what is queued
