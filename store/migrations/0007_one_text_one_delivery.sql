-- No two deliveries hold one of the carrier's ids, the claim finds receipts that wait, and a delivery knows since when it
-- is meant to go out and how often it was sent again in doubt.
-- depends: 0006_the_right_hour
-- transactional: false
-- Outside a transaction, because the indexes of a live ledger are built beside its writers (CONCURRENTLY). So each statement
-- can be run again: when one fails, run the migration again.

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE deliveries
    -- Since when its age counts, where that is later than its message's send_at: a person sent it once more, or the hours for
    -- texting had to begin first.
    ADD COLUMN IF NOT EXISTS age_from timestamptz,
    -- How often it was sent again because nobody found it at the carrier. Other claims do not count.
    ADD COLUMN IF NOT EXISTS repeats smallint NOT NULL DEFAULT 0;

ALTER TABLE messages
    -- When a person let it go on after a pause: its age counts from then.
    ADD COLUMN IF NOT EXISTS resumed_at timestamptz;

RESET lock_timeout;

-- An earlier run that was cut off leaves an index that is no good: it is built anew.
DROP INDEX CONCURRENTLY IF EXISTS receipts_waiting;

-- Asked at each claim for every delivery that is due. It holds what waits to be applied, and is mostly all but empty.
CREATE INDEX CONCURRENTLY receipts_waiting ON receipts (delivery_id) WHERE applied_at IS NULL;

SET koinonia.scope = 'system';

-- Mail in doubt until now was repeated by its attempts: what was repeated twice goes on waiting for a person.
UPDATE deliveries
SET repeats = least(attempts - 1, 2)
WHERE status = 'unknown' AND channel = 'mail' AND attempts > 1 AND repeats = 0;

-- An id that two deliveries hold belongs to the one that the carrier's callbacks named, else to the one that has held it
-- longest. The others were settled by mistake and never reached the carrier under it: they are in doubt, and looked for again.
WITH shared AS (
    SELECT carrier_id
    FROM deliveries
    WHERE carrier_id IS NOT NULL
    GROUP BY carrier_id
    HAVING count(*) > 1
), mistaken AS (
    SELECT ranked.delivery_id, ranked.message_id
    FROM (
        SELECT deliveries.delivery_id, deliveries.message_id,
               row_number() OVER (
                   PARTITION BY deliveries.carrier_id
                   ORDER BY EXISTS (
                                SELECT FROM receipts
                                WHERE receipts.carrier_id = deliveries.carrier_id
                                  AND receipts.delivery_id = deliveries.delivery_id
                            ) DESC,
                            deliveries.updated_at, deliveries.delivery_id
               ) AS place
        FROM deliveries
        JOIN shared USING (carrier_id)
    ) AS ranked
    WHERE ranked.place > 1
), unsettled AS (
    UPDATE messages SET settled_at = NULL WHERE message_id IN (SELECT message_id FROM mistaken)
)
UPDATE deliveries
SET carrier_id = NULL,
    status = CASE WHEN status IN ('sent', 'undelivered', 'failed', 'delivered') THEN 'unknown' ELSE status END,
    reason = 'its carrier id belongs to another delivery',
    missed_reads = 0,
    due_at = CASE WHEN status IN ('sent', 'undelivered', 'failed', 'delivered') THEN now() ELSE due_at END,
    updated_at = now()
WHERE delivery_id IN (SELECT delivery_id FROM mistaken);

RESET koinonia.scope;

DROP INDEX CONCURRENTLY IF EXISTS deliveries_carrier_id;

-- Only of those that have an id: a delivery enters it when the carrier has accepted it, not when its audience is written.
CREATE UNIQUE INDEX CONCURRENTLY deliveries_carrier_id ON deliveries (carrier_id) WHERE carrier_id IS NOT NULL;
