-- name: find_doubts
-- The churches with deliveries in doubt, and an hour before the first of their messages was created: reconciliation must see to
-- which deliveries of that time the ids in the list of the carrier belong (find_carrier_id_owners). Returns also how many of the
-- up to `row_limit` deliveries are of each church. Ordered and limited, so that the index of deliveries in doubt is read.
SELECT waiting.church_id, min(messages.created_at) - interval '1 hour' AS since, count(*) AS deliveries
FROM (
    SELECT church_id, message_id
    FROM deliveries
    WHERE status = 'unknown' AND due_at > '-infinity'
    ORDER BY due_at
    LIMIT :row_limit
) AS waiting
JOIN messages ON messages.message_id = waiting.message_id
GROUP BY waiting.church_id;

-- name: begin_pruning
-- Marks messages whose deliveries are to be deleted: from this commit on their counts are those of message_totals. Only settled
-- messages with final totals that agree with their deliveries; for one whose totals do not, a recount is requested instead.
-- A delivery in doubt keeps the messages of its church that were being submitted after it (find_doubts).
-- Returns how many were marked, and how many totals did not agree.
WITH due AS MATERIALIZED (
    SELECT messages.message_id
    FROM messages
    WHERE messages.settled_at < now() - :kept_days * interval '1 day' AND messages.settled_at IS NOT NULL
      AND messages.prune_began_at IS NULL
      AND messages.totaled_at IS NOT NULL AND messages.total_due_at IS NULL
      AND NOT EXISTS (
          SELECT FROM unnest(:doubted_church_ids::uuid[], :doubted_since::timestamptz[]) AS in_doubt (church_id, since)
          WHERE in_doubt.church_id = messages.church_id AND in_doubt.since <= messages.completed_at
      )
    ORDER BY messages.settled_at
    LIMIT :row_limit
    FOR UPDATE OF messages SKIP LOCKED
), sized AS MATERIALIZED (
    -- Their deliveries are counted here, so the sum of their totals is limited; the first is taken whatever its size.
    SELECT totals.message_id
    FROM (
        SELECT due.message_id, size.deliveries,
               sum(size.deliveries) OVER (ORDER BY due.message_id) - size.deliveries AS deliveries_before
        FROM due
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(message_totals.deliveries), 0) AS deliveries
            FROM message_totals
            WHERE message_totals.message_id = due.message_id
        ) AS size
    ) AS totals
    WHERE totals.deliveries_before < :delivery_limit
), compared AS MATERIALIZED (
    SELECT sized.message_id,
           NOT EXISTS (
               SELECT FROM recount_requests WHERE recount_requests.message_id = sized.message_id
           ) AND NOT EXISTS (
               SELECT status, deliveries
               FROM (
                   SELECT status, sum(deliveries) AS deliveries
                   FROM message_totals
                   WHERE message_totals.message_id = sized.message_id
                   GROUP BY status
               ) AS total
               FULL JOIN (
                   SELECT status, count(*) AS found
                   FROM deliveries
                   WHERE deliveries.message_id = sized.message_id
                   GROUP BY status
               ) AS kept USING (status)
               WHERE total.deliveries IS DISTINCT FROM kept.found
                  OR status IN ('queued', 'sending', 'unknown')
           ) AS agrees
    FROM sized
), marked AS (
    UPDATE messages
    SET prune_began_at = now()
    FROM compared
    WHERE messages.message_id = compared.message_id AND compared.agrees
    RETURNING messages.message_id
), requested AS (
    INSERT INTO recount_requests (message_id)
    SELECT compared.message_id
    FROM compared
    WHERE NOT compared.agrees
      AND NOT EXISTS (SELECT FROM recount_requests WHERE recount_requests.message_id = compared.message_id)
    RETURNING message_id
)
SELECT (SELECT count(*) FROM marked) AS marked, (SELECT count(*) FROM requested) AS recounts;

-- name: delete_deliveries
-- Deletes up to `row_limit` deliveries of marked messages. Repeats the statuses: a delivery that is open again meanwhile stays.
-- LATERAL makes this one index range for each message.
WITH slice AS MATERIALIZED (
    SELECT kept.delivery_id
    FROM (
        SELECT message_id
        FROM messages
        WHERE prune_began_at IS NOT NULL AND pruned_at IS NULL
        ORDER BY message_id
        LIMIT :row_limit
    ) AS marked
    CROSS JOIN LATERAL (
        SELECT deliveries.delivery_id
        FROM deliveries
        WHERE deliveries.message_id = marked.message_id AND deliveries.status NOT IN ('queued', 'sending', 'unknown')
        ORDER BY deliveries.delivery_id
        LIMIT :row_limit
        FOR UPDATE OF deliveries SKIP LOCKED
    ) AS kept
    LIMIT :row_limit
), deleted AS (
    DELETE FROM deliveries
    USING slice
    WHERE deliveries.delivery_id = slice.delivery_id
    RETURNING deliveries.delivery_id
)
SELECT count(*) FROM deleted;

-- name: finish_pruning!
-- Marks the messages of which the last delivery is deleted.
UPDATE messages
SET pruned_at = now()
FROM (
    SELECT message_id
    FROM messages
    WHERE prune_began_at IS NOT NULL AND pruned_at IS NULL
      AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.message_id = messages.message_id)
    ORDER BY message_id
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
) AS emptied
WHERE messages.message_id = emptied.message_id;

-- name: delete_receipts
-- Deletes up to `row_limit` applied receipts after the id `after`, oldest first. A delivery in doubt keeps all receipts since
-- its message: those of other churches too, which may share its sender. Returns how many, and the last id.
-- Ids are in the order of time, so that no index of times is needed: the oldest are read, and only those are locked that are
-- to be deleted.
WITH oldest AS MATERIALIZED (
    SELECT receipt_id, received_at, applied_at
    FROM receipts
    WHERE receipt_id > :after
    ORDER BY receipt_id
    LIMIT :row_limit
), locked AS MATERIALIZED (
    SELECT receipt_id
    FROM receipts
    WHERE receipt_id = ANY (ARRAY(
              SELECT receipt_id
              FROM oldest
              WHERE received_at < least(now() - :kept_days * interval '1 day', :doubted_since::timestamptz)
          ))
      AND applied_at IS NOT NULL
    ORDER BY receipt_id
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM receipts
    WHERE receipt_id = ANY (ARRAY(SELECT receipt_id FROM locked))
    RETURNING receipt_id
)
SELECT count(*), max(receipt_id) FROM deleted;

-- name: redact_deliveries
-- Removes the addresses, and the values of merge fields, of up to `row_limit` deliveries of settled messages. In doubt: as in begin_pruning. Messages that are
-- being pruned are left out: their deliveries are deleted.
WITH slice AS MATERIALIZED (
    SELECT addressed.delivery_id
    FROM (
        SELECT message_id
        FROM messages
        WHERE settled_at < now() - :kept_days * interval '1 day' AND settled_at IS NOT NULL
          AND redacted_at IS NULL AND prune_began_at IS NULL
          AND NOT EXISTS (
              SELECT FROM unnest(:doubted_church_ids::uuid[], :doubted_since::timestamptz[]) AS in_doubt (church_id, since)
              WHERE in_doubt.church_id = messages.church_id AND in_doubt.since <= messages.completed_at
          )
        ORDER BY settled_at
        LIMIT :row_limit
    ) AS due
    CROSS JOIN LATERAL (
        SELECT deliveries.delivery_id
        FROM deliveries
        WHERE deliveries.message_id = due.message_id AND deliveries.address IS NOT NULL
          AND deliveries.status NOT IN ('queued', 'sending', 'unknown')
        ORDER BY deliveries.delivery_id
        LIMIT :row_limit
        FOR UPDATE OF deliveries SKIP LOCKED
    ) AS addressed
    LIMIT :row_limit
), redacted AS (
    UPDATE deliveries
    SET address = NULL, time_zones = NULL, merge_values = NULL
    FROM slice
    WHERE deliveries.delivery_id = slice.delivery_id AND deliveries.status NOT IN ('queued', 'sending', 'unknown')
    RETURNING deliveries.delivery_id
)
SELECT count(*) FROM redacted;

-- name: redact_messages
-- Removes the text of settled messages whose deliveries have no address left, and the addresses of their target. Ids of
-- contacts stay: they name nobody once the contact is gone.
WITH due AS MATERIALIZED (
    SELECT message_id
    FROM messages
    WHERE settled_at < now() - :kept_days * interval '1 day' AND settled_at IS NOT NULL AND redacted_at IS NULL
      AND NOT EXISTS (
          SELECT FROM unnest(:doubted_church_ids::uuid[], :doubted_since::timestamptz[]) AS in_doubt (church_id, since)
          WHERE in_doubt.church_id = messages.church_id AND in_doubt.since <= messages.completed_at
      )
      AND (
          prune_began_at IS NOT NULL
          OR NOT EXISTS (
              SELECT FROM deliveries WHERE deliveries.message_id = messages.message_id AND deliveries.address IS NOT NULL
          )
      )
    ORDER BY settled_at
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), redacted AS (
    UPDATE messages
    SET content = '',
        details = '{}',
        merge_fields = NULL,
        target = messages.target - ARRAY['phoneNumbers', 'numberZones', 'numberRegions', 'emailAddresses'],
        redacted_at = now()
    FROM due
    WHERE messages.message_id = due.message_id
    RETURNING messages.message_id
), unlinked AS (
    -- A URL may name a person. The link does not work any more; its clicks stay.
    UPDATE links
    SET url = NULL
    FROM redacted
    WHERE links.message_id = redacted.message_id
)
SELECT count(*) FROM redacted;

-- name: redact_inbound_messages
-- Removes the texts, numbers and media of up to `row_limit` messages that people wrote so long ago. The rows stay: they are counted, and
-- the id of the carrier still tells a repetition. An index has what is not redacted, oldest first.
WITH due AS MATERIALIZED (
    SELECT inbound_message_id
    FROM inbound_messages
    WHERE inbound_message_id < (SELECT uuidv7(:kept_days * interval '-1 day')) AND redacted_at IS NULL
    ORDER BY inbound_message_id
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), redacted AS (
    UPDATE inbound_messages
    SET content = '', from_address = '', media = '[]', redacted_at = now(), read_at = coalesce(read_at, now())
    -- An array, for which the planner reads an index however many rows it expects.
    WHERE inbound_message_id = ANY (ARRAY(SELECT inbound_message_id FROM due))
    RETURNING inbound_messages.inbound_message_id
)
SELECT count(*) FROM redacted;

-- name: delete_conversations
-- Deletes up to `row_limit` conversations of which the last text is so old: they have the number. One begins anew when the
-- person writes again.
WITH deleted AS (
    DELETE FROM conversations
    WHERE conversation_id = ANY (ARRAY(
        SELECT conversation_id
        FROM conversations
        WHERE last_message_id < (SELECT uuidv7(:kept_days * interval '-1 day'))
        ORDER BY last_message_id
        LIMIT :row_limit
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING conversation_id
)
SELECT count(*) FROM deleted;

-- name: delete_schedule_runs
-- The ids are in the order of time. A run is found by its schedule and time only until the next one is set.
WITH deleted AS (
    DELETE FROM schedule_runs
    WHERE run_id IN (
        SELECT run_id
        FROM schedule_runs
        WHERE run_id < (SELECT uuidv7(:kept_days * interval '-1 day'))
        ORDER BY run_id
        LIMIT :row_limit
        FOR UPDATE SKIP LOCKED
    )
    RETURNING run_id
)
SELECT count(*) FROM deleted;

-- name: delete_refused_callbacks!
DELETE FROM refused_callbacks
WHERE day < (now() AT TIME ZONE 'UTC')::date - :kept_days::int;
