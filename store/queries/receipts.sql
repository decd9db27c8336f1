-- name: insert_receipts!
-- Stores each (carrier id, status) once: carriers repeat their callbacks. In one order, so that concurrent inserts do not
-- deadlock.
-- `sent` with the carrier id and the attempt that the delivery already has changes nothing: it is stored as applied, so that it
-- is not read, locked and updated again. The delivery is read without a lock, so that the insert never waits for one that is
-- being written. If it has not got that far in this snapshot, the receipt waits to be applied.
INSERT INTO receipts (delivery_id, attempt, carrier_id, status, error_code, applied_at)
SELECT DISTINCT ON (carrier_id, status) delivery_id, attempt, carrier_id, status::delivery_status, error_code,
       CASE WHEN status = 'sent' AND EXISTS (
           SELECT FROM deliveries
           WHERE deliveries.delivery_id = listed.delivery_id
             AND deliveries.attempts = listed.attempt
             AND deliveries.carrier_id = listed.carrier_id
             AND deliveries.status IN ('sent', 'undelivered', 'failed', 'delivered')
           OFFSET 0 -- an index probe for each receipt: as a hashed subquery it would read all deliveries
       ) THEN now() END
FROM unnest(
    :delivery_ids::uuid[], :attempts::int[], :carrier_ids::text[], :statuses::text[], :error_codes::text[]
) AS listed (delivery_id, attempt, carrier_id, status, error_code)
ORDER BY carrier_id, status, attempt DESC
ON CONFLICT (carrier_id, status) DO UPDATE
-- A stored receipt is applied again when it turns out to be of a later attempt, or of another delivery: its status was fetched
-- while the wrong delivery held the carrier id.
SET delivery_id = excluded.delivery_id, attempt = excluded.attempt, applied_at = NULL
WHERE receipts.delivery_id <> excluded.delivery_id OR receipts.attempt < excluded.attempt;

-- name: apply_receipts
-- Applies one batch of receipts, oldest first. Each delivery changes at most once, to the furthest status that the batch has
-- for one of its texts, and only forward: the caller passes the transitions of messaging/states.py. Late and repeated receipts
-- change nothing.
--   * Receipts of the present attempt always count. A failure with a retryable code (the caller passes the first backoff
--     for each code) returns the delivery to the queue as a new attempt, a limited number of times.
--   * Of another attempt only those count that show that the recipient has the text or will get it: `delivered`, and `sent`
--     unless that text is known to have failed. They prevent another submission. A failure of another attempt is ignored.
-- A delivery may have several texts (carrier ids); one of them is applied, the others are left for the next statement. A text
-- whose carrier id is held by another delivery is contested: it is left until `resolve_contested` has decided about it.
-- Returns how many receipts were applied, how many of the batch are left, how many deliveries are contested, and the messages
-- that may have nothing left to submit now, and the deliveries that failed because the recipient sent STOP to the carrier (the
-- caller passes the codes). For /metrics also for how long each delivery had been due that is delivered now.
-- What is looked up for single deliveries is a subquery, not a join. The planner cannot estimate how many rows a batch has, and
-- would join them with every message by a nested loop.
WITH batch AS MATERIALIZED (
    SELECT receipt_id, delivery_id, attempt, carrier_id, status, error_code
    FROM receipts
    WHERE applied_at IS NULL
    ORDER BY receipt_id
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
), texts AS (
    SELECT batch.*,
           max(status) OVER (PARTITION BY delivery_id, carrier_id) AS last_status,
           row_number() OVER (PARTITION BY delivery_id, carrier_id ORDER BY status DESC, attempt DESC) = 1 AS is_latest,
           -- A carrier may name two deliveries for one text: the second is left for the next statement.
           first_value(delivery_id) OVER (PARTITION BY carrier_id ORDER BY delivery_id) = delivery_id AS names_first_delivery
    FROM batch
), selected AS MATERIALIZED (
    -- One text of each delivery. Failures first: if one returns the delivery to the queue, a later `sent` or `delivered` of
    -- another text stops it. The CTE keeps all receipts of the batch: joined again they would be joined by a nested loop.
    SELECT texts.*,
           names_first_delivery AND carrier_id = first_value(carrier_id) OVER (
               PARTITION BY delivery_id ORDER BY last_status IN ('undelivered', 'failed') DESC, carrier_id
           ) AS is_selected
    FROM texts
), latest AS MATERIALIZED (
    SELECT delivery_id, carrier_id, attempt, status, error_code
    FROM selected
    WHERE is_selected AND is_latest
), locked_messages AS MATERIALIZED (
    -- Messages are locked before their deliveries, as everywhere.
    SELECT message_id
    FROM messages
    WHERE message_id IN (
        SELECT deliveries.message_id
        FROM latest
        JOIN deliveries USING (delivery_id)
        WHERE latest.status IN ('undelivered', 'failed') AND latest.error_code = ANY (:retryable_codes::text[])
    )
    ORDER BY message_id
    FOR UPDATE
), locked AS MATERIALIZED (
    -- The values under the lock: another transaction may have changed the delivery meanwhile. The CTE carries the receipts
    -- along: joined a second time they would be joined by a nested loop.
    SELECT latest.*, deliveries.status::text AS present_status, deliveries.attempts, deliveries.tries,
           deliveries.carrier_id AS present_carrier_id, deliveries.message_id, deliveries.age_from, deliveries.channel,
           deliveries.address IS NOT NULL AS has_address,
           -- A delivery whose status was fetched is due again later; then the time when it was sent is the nearest known.
           greatest(least(deliveries.due_at, deliveries.updated_at), deliveries.age_from) AS due_at
    FROM latest
    JOIN deliveries USING (delivery_id)
    WHERE (SELECT count(*) FROM locked_messages) >= 0
    ORDER BY deliveries.delivery_id
    FOR UPDATE OF deliveries
), contested AS MATERIALIZED (
    SELECT locked.delivery_id
    FROM locked
    WHERE locked.present_carrier_id IS DISTINCT FROM locked.carrier_id -- most hold the id themselves and need no lookup
      AND EXISTS (
          SELECT FROM deliveries AS holders
          WHERE holders.carrier_id = locked.carrier_id AND holders.delivery_id <> locked.delivery_id
          OFFSET 0
      )
), changes AS (
    -- Uses the status that was read under the lock. The snapshot of the statement is older than the lock: a delivery that changed
    -- meanwhile would be joined with the transition of its old status, and its receipt would be lost.
    SELECT locked.delivery_id, locked.message_id, locked.carrier_id, locked.status, locked.error_code,
           locked.present_status, locked.attempt = locked.attempts AS is_present, locked.channel,
           CASE WHEN locked.status = 'delivered' AND locked.present_status <> 'delivered'
                THEN extract(epoch FROM now() - locked.due_at)::double precision END AS delivered_after_seconds,
           CASE WHEN locked.status IN ('failed', 'undelivered') AND locked.tries < :retry_limit::int
                     AND locked.has_address -- otherwise it was redacted and cannot be sent again
                     AND (
                         SELECT greatest(messages.send_at, messages.resumed_at, locked.age_from)
                                > now() - :age_limit_seconds * interval '1 second'
                         FROM messages
                         WHERE messages.message_id = locked.message_id
                     )
                THEN (:pauses_seconds::double precision[])[array_position(:retryable_codes::text[], locked.error_code)]
                     * (:backoff_factors::double precision[])[locked.tries + 1]
                     * (1 - :jitter::double precision * random()) END AS again_in_seconds
    FROM locked
    WHERE locked.present_status || ' to ' || locked.status = ANY (:transitions::text[])
      AND locked.delivery_id NOT IN (SELECT delivery_id FROM contested)
      AND (
          locked.attempt = locked.attempts
          OR locked.status = 'delivered'
          OR locked.status = 'sent' AND NOT EXISTS (
              SELECT FROM receipts AS failures
              WHERE failures.carrier_id = locked.carrier_id AND failures.status IN ('undelivered', 'failed')
          )
      )
      -- A delivery that was suppressed at expansion was never submitted; no receipt can be about it.
      AND (locked.present_status <> 'suppressed' OR locked.attempts > 0)
      -- A delivery that already has the status changes only if the present attempt has another carrier id than was recorded.
      AND (
          locked.status::text <> locked.present_status
          OR locked.attempt = locked.attempts AND locked.carrier_id <> locked.present_carrier_id
      )
), changed_deliveries AS (
    UPDATE deliveries
    SET status = CASE WHEN changes.again_in_seconds IS NULL THEN changes.status ELSE 'queued' END,
        -- A delivery of a paused message is due at infinity; once sent, its next receipt is to be fetched.
        due_at = CASE WHEN changes.again_in_seconds IS NULL THEN least(deliveries.due_at, now())
                      ELSE now() + changes.again_in_seconds * interval '1 second' END,
        attempts = deliveries.attempts + CASE WHEN changes.again_in_seconds IS NULL THEN 0 ELSE 1 END,
        tries = deliveries.tries + CASE WHEN changes.again_in_seconds IS NULL THEN 0 ELSE 1 END,
        -- An accepted attempt keeps its carrier id; the id of the other attempt is in its receipts.
        carrier_id = CASE WHEN changes.again_in_seconds IS NOT NULL THEN NULL
                          WHEN changes.is_present THEN changes.carrier_id
                          ELSE coalesce(deliveries.carrier_id, changes.carrier_id) END,
        error_code = coalesce(changes.error_code, deliveries.error_code),
        reason = CASE WHEN NOT changes.is_present AND changes.status = 'delivered'
                           AND changes.present_status IN ('sending', 'unknown', 'sent')
                      THEN 'an earlier attempt arrived, this one perhaps too' END,
        lease_until = NULL,
        updated_at = now()
    FROM changes
    WHERE deliveries.delivery_id = changes.delivery_id
    RETURNING deliveries.message_id, deliveries.status,
              changes.present_status IN ('canceled', 'suppressed') AS was_final,
              changes.present_status IN ('queued', 'sending') AND deliveries.status <> 'queued' AS is_submitted,
              changes.channel, changes.delivered_after_seconds, deliveries.delivery_id, changes.error_code
), reopened AS (
    UPDATE messages
    SET completed_at = CASE WHEN reopened_messages.is_queued THEN NULL ELSE messages.completed_at END, settled_at = NULL
    FROM (
        SELECT message_id, bool_or(status = 'queued') AS is_queued
        FROM changed_deliveries
        WHERE status = 'queued' OR was_final
        GROUP BY message_id
    ) AS reopened_messages
    WHERE messages.message_id = reopened_messages.message_id
      AND (reopened_messages.is_queued OR messages.settled_at IS NOT NULL)
), requested_recounts AS (
    -- Of settled messages only. Others are counted again in any case, and are not written to here, because many receipts
    -- are about one message.
    INSERT INTO recount_requests (message_id)
    SELECT message_id
    FROM messages
    -- An array, for which the planner reads an index however many rows it expects.
    WHERE message_id = ANY (ARRAY(SELECT DISTINCT message_id FROM changed_deliveries)) AND settled_at IS NOT NULL
), applied AS (
    UPDATE receipts
    SET applied_at = now()
    FROM selected
    WHERE receipts.receipt_id = selected.receipt_id
      AND selected.is_selected
      AND selected.delivery_id NOT IN (SELECT delivery_id FROM contested)
    RETURNING receipts.receipt_id
)
SELECT (SELECT count(*) FROM applied) AS applied,
       (SELECT count(*) FROM batch) - (SELECT count(*) FROM applied) AS waiting,
       (SELECT count(*) FROM contested) AS contested,
       ARRAY(SELECT DISTINCT message_id FROM changed_deliveries WHERE is_submitted) AS submitted_message_ids,
       ARRAY(
           SELECT delivery_id
           FROM changed_deliveries
           WHERE status IN ('undelivered', 'failed') AND error_code = ANY (:opted_out_codes::text[])
       ) AS opted_out_delivery_ids,
       ARRAY(
           SELECT channel FROM changed_deliveries WHERE delivered_after_seconds IS NOT NULL
       ) AS delivered_channels,
       ARRAY(
           SELECT delivered_after_seconds FROM changed_deliveries WHERE delivered_after_seconds IS NOT NULL
       ) AS delivered_after_seconds;

-- name: move_receipts_to_holders!
-- For contested texts whose named delivery was submitted again since: assigns the receipts to the delivery that holds the
-- carrier id. Both deliveries have the same content for the same person (see `conclude` in messaging/reconciliation.py), so
-- each has one text. Taking the text from its holder would cause one text too many.
UPDATE receipts
SET delivery_id = holders.delivery_id, attempt = holders.attempts
FROM deliveries AS named, deliveries AS holders
WHERE receipts.applied_at IS NULL
  AND named.delivery_id = receipts.delivery_id
  AND receipts.attempt < named.attempts
  AND named.status NOT IN ('queued', 'canceled', 'suppressed')
  AND holders.carrier_id = receipts.carrier_id
  AND holders.delivery_id <> receipts.delivery_id;

-- name: find_contested_ids
-- The carrier ids for which the receipts name another delivery than the one that holds the id.
SELECT DISTINCT receipts.carrier_id
FROM receipts
JOIN deliveries AS named ON named.delivery_id = receipts.delivery_id
JOIN deliveries AS holders
    ON holders.carrier_id = receipts.carrier_id AND holders.delivery_id <> receipts.delivery_id
WHERE receipts.applied_at IS NULL;

-- name: has_unapplied
SELECT EXISTS (SELECT FROM receipts WHERE applied_at IS NULL);

-- name: count_refused!
-- By day, for people, and as a counter for /metrics.
WITH counted AS (
    INSERT INTO metric_changes (name, labels, value)
    VALUES ('koinonia_callbacks_refused_total', jsonb_build_object('channel', :channel::text, 'reason', 'signature'), 1)
)
INSERT INTO refused_callbacks (day, channel, refused)
VALUES ((now() AT TIME ZONE 'UTC')::date, :channel, 1)
ON CONFLICT (day, channel) DO UPDATE SET refused = refused_callbacks.refused + 1;
