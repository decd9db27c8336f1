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

-- name: postpone_deliveries!
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

-- name: restore_due_times!
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

-- name: get_target
SELECT target
FROM messages
WHERE church_id = :church_id AND message_id = :message_id;

-- name: change_message!
-- Of one that is locked and has not begun.
UPDATE messages
SET content = :content,
    details = :details,
    segments = :segments,
    target_type = :target_type,
    target = :target,
    send_at = coalesce(:send_at, now()),
    urgent_reason = :urgent_reason
WHERE church_id = :church_id AND message_id = :message_id AND expanded_at IS NULL AND canceled_at IS NULL;
