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
