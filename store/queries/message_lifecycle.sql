-- name: lock_completable_messages
-- Messages with nothing left to submit, of these churches or of all. Skips messages that another transaction has locked.
SELECT message_id
FROM messages
WHERE completed_at IS NULL
  AND (expanded_at IS NOT NULL OR canceled_at IS NOT NULL)
  AND (:church_ids::uuid[] IS NULL OR church_id = ANY (:church_ids::uuid[]))
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'queued')
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'sending')
FOR UPDATE SKIP LOCKED;

-- name: lock_completable_of
-- As lock_completable_messages, of these messages only: two index probes for each, however many others are open.
SELECT message_id
FROM messages
WHERE message_id = ANY (:message_ids::uuid[])
  AND completed_at IS NULL
  AND (expanded_at IS NOT NULL OR canceled_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'queued')
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'sending')
FOR UPDATE SKIP LOCKED;

-- name: complete_messages!
-- Checks the deliveries again under the lock of the queries above. A transaction that returns a delivery to the queue
-- also locks its message: it has either committed before this lock, or waits for it and reopens the message afterwards.
UPDATE messages
SET completed_at = now()
WHERE message_id = ANY (:message_ids::uuid[])
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'queued')
  AND NOT EXISTS (SELECT FROM deliveries WHERE message_id = messages.message_id AND status = 'sending');

-- name: lock_message
-- Serializes people's changes of a message.
SELECT message_id, channel, content, details, segments, target_type, request_hash, send_at, created_at,
       expanded_at, completed_at, settled_at, paused_at, canceled_at, schedule_id, urgent_reason, redacted_at,
       prune_began_at
FROM messages
WHERE church_id = :church_id AND message_id = :message_id
FOR UPDATE;

-- name: cancel_message!
UPDATE messages
SET canceled_at = now(), paused_at = NULL
WHERE church_id = :church_id AND message_id = :message_id;

-- name: cancel_deliveries
-- Cancels the deliveries that were not submitted. Those that the carrier has, or may have, keep their status. Returns how many
-- were canceled, and their segments.
WITH canceled AS (
    UPDATE deliveries
    SET status = 'canceled', updated_at = now()
    FROM (
        SELECT delivery_id
        FROM deliveries
        WHERE message_id = :message_id AND status = 'queued'
        ORDER BY delivery_id
        FOR UPDATE
    ) AS unsent
    WHERE deliveries.delivery_id = unsent.delivery_id AND deliveries.status = 'queued'
    RETURNING deliveries.segments
)
SELECT count(*) AS deliveries,
       coalesce(sum(coalesce(segments, (SELECT segments FROM messages WHERE message_id = :message_id))), 0) AS segments
FROM canceled;

-- name: pause_message!
UPDATE messages
SET paused_at = now()
WHERE church_id = :church_id AND message_id = :message_id;

-- name: postpone_deliveries!
-- Due at infinity: the claim's index scan does not meet them, so that a large paused message does not slow other claims.
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
-- resumed_at restarts the age of its deliveries: the person wants them to be sent now.
UPDATE messages
SET paused_at = NULL, resumed_at = now()
WHERE church_id = :church_id AND message_id = :message_id;

-- name: restore_due_times!
-- Due at send_at, so that they keep their place before messages that were accepted later.
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

-- name: retry_deliveries
-- Queues failed and undelivered deliveries again: all, or only those with the given reasons and error codes. `attempts` is
-- incremented, so that a late receipt of the old attempt is not taken for the new one's, and the age restarts. Recipients who
-- opted out are suppressed by the claim. Deliveries of a paused message are due at infinity, like its other deliveries. Those
-- without an address stay: it was redacted. So do those whose text cannot be sent: it stays the same. Returns how many were
-- queued, and their segments.
WITH queued AS (
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
          AND address IS NOT NULL
          AND (merge_values IS NULL OR reason IS NULL OR reason NOT IN ('text too long', 'text is empty'))
          AND (:reasons::text[] IS NULL OR reason = ANY (:reasons::text[]))
          AND (:error_codes::text[] IS NULL OR error_code = ANY (:error_codes::text[]))
        ORDER BY delivery_id
        FOR UPDATE
    ) AS failed
    WHERE deliveries.delivery_id = failed.delivery_id AND deliveries.status IN ('failed', 'undelivered')
    RETURNING deliveries.segments
)
SELECT count(*) AS deliveries,
       coalesce(sum(coalesce(segments, (SELECT segments FROM messages WHERE message_id = :message_id))), 0) AS segments
FROM queued;

-- name: reopen_message!
UPDATE messages
SET completed_at = NULL, settled_at = NULL
WHERE church_id = :church_id AND message_id = :message_id;

-- name: set_settled_at!
-- For messages of which every delivery is final, or was accepted so long ago that no more receipts are expected. Their
-- receipts are no longer fetched. A delivery in doubt is never final: it is found, or a person resolves it.
-- Its deliveries are counted for the last time soon afterwards: see count_due_messages in message_totals.sql.
UPDATE messages
SET settled_at = now(), total_due_at = least(total_due_at, now() + :final_after_seconds * interval '1 second')
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
-- The message is locked by lock_message and not expanded yet.
UPDATE messages
SET content = :content,
    details = :details,
    segments = :segments,
    merge_fields = :merge_fields,
    target_type = :target_type,
    target = :target,
    send_at = coalesce(:send_at, now()),
    urgent_reason = :urgent_reason
WHERE church_id = :church_id AND message_id = :message_id AND expanded_at IS NULL AND canceled_at IS NULL;
