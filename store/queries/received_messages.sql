-- name: page_inbound
-- What people wrote to a church, newest first. `before` always bounds the index scan, also in a generic plan. One query for each
-- kind of page, so that each reads an index that has little else: a flood of one kind does not slow the pages of the others.
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at, redacted_at
FROM inbound_messages
WHERE church_id = :church_id AND inbound_message_id < :before
ORDER BY inbound_message_id DESC
LIMIT :row_limit;

-- name: page_replies
-- As page_inbound, without keywords.
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at, redacted_at
FROM inbound_messages
WHERE church_id = :church_id AND inbound_message_id < :before AND keyword IS NULL
ORDER BY inbound_message_id DESC
LIMIT :row_limit;

-- name: page_unread
-- As page_replies, without what staff have read.
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at, redacted_at
FROM inbound_messages
WHERE church_id = :church_id AND inbound_message_id < :before AND read_at IS NULL AND keyword IS NULL
ORDER BY inbound_message_id DESC
LIMIT :row_limit;

-- name: page_unread_of_address
-- As page_unread, of one number.
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at, redacted_at
FROM inbound_messages
WHERE church_id = :church_id AND from_address = :address AND inbound_message_id < :before
  AND read_at IS NULL AND keyword IS NULL
ORDER BY inbound_message_id DESC
LIMIT :row_limit;

-- name: page_inbound_of_address
-- As page_inbound, of one number; keywords only if they are asked for.
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at, redacted_at
FROM inbound_messages
WHERE church_id = :church_id AND from_address = :address AND inbound_message_id < :before
  AND (:with_keywords::boolean OR keyword IS NULL)
ORDER BY inbound_message_id DESC
LIMIT :row_limit;

-- name: get_inbound
SELECT inbound_message_id, channel, from_address, to_address, content, media, keyword, received_at, read_at, redacted_at
FROM inbound_messages
WHERE church_id = :church_id AND inbound_message_id = :inbound_message_id;

-- name: set_read!
-- Changes nothing when the message is read or unread already.
UPDATE inbound_messages
SET read_at = CASE WHEN :is_read::boolean THEN now() END
WHERE church_id = :church_id AND inbound_message_id = :inbound_message_id
  AND (read_at IS NOT NULL) <> :is_read::boolean;

-- name: set_read_up_to!
-- Marks what a person wrote, up to one of their messages, as read: the oldest first, so many at once that a flood does not take longer
-- than a statement may. In one order, so that two do not deadlock.
UPDATE inbound_messages
SET read_at = now()
FROM (
    SELECT inbound_message_id
    FROM inbound_messages
    WHERE church_id = :church_id AND from_address = :address AND read_at IS NULL AND keyword IS NULL
      AND inbound_message_id <= :up_to
    ORDER BY inbound_message_id
    LIMIT :row_limit
    FOR UPDATE
) AS unread
WHERE inbound_messages.inbound_message_id = unread.inbound_message_id;

-- name: find_contacts_of_numbers
-- The contacts with these phone numbers, a few of each: a family may share one.
SELECT listed.phone, found.contact_id, found.name
FROM unnest(:phones::text[]) AS listed (phone)
CROSS JOIN LATERAL (
    SELECT contacts.contact_id, contacts.name
    FROM contacts
    WHERE contacts.church_id = :church_id AND contacts.phone = listed.phone
    ORDER BY contacts.phone, lower(contacts.name)
    LIMIT 10
) AS found
ORDER BY listed.phone, lower(found.name), found.contact_id;
