-- What is kept for how long: texts and addresses that are redacted, deliveries that are dropped.
-- depends: 0017_metrics
-- transactional: false
-- Outside a transaction, because the indexes of a live ledger are built beside its writers (CONCURRENTLY). So each statement
-- can be run again: when one fails, run the migration again. None reads or rewrites a large table under a lock.

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE messages
    -- When its text and the addresses of its target and deliveries were removed.
    ADD COLUMN IF NOT EXISTS redacted_at timestamptz,
    -- From when on its counts are those of message_totals, and its deliveries are being deleted.
    ADD COLUMN IF NOT EXISTS prune_began_at timestamptz,
    -- When the last of its deliveries was deleted.
    ADD COLUMN IF NOT EXISTS pruned_at timestamptz;

-- A final delivery may be without an address: it was redacted. NOT VALID: the former check, which allows less, held for all
-- rows so far, so that they need not be read.
ALTER TABLE deliveries
    DROP CONSTRAINT IF EXISTS deliveries_check1,
    DROP CONSTRAINT IF EXISTS deliveries_open_have_address,
    ADD CONSTRAINT deliveries_open_have_address
        CHECK (status NOT IN ('queued', 'sending', 'unknown') OR address IS NOT NULL) NOT VALID;

-- A delivery is written once, updated three times and deleted once. By default a vacuum would wait until a fifth of the table
-- is dead: of 50,000,000 rows 10,000,000.
ALTER TABLE deliveries SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);
ALTER TABLE receipts SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);

-- The target of a message or schedule without these addresses. Zones and regions stand at the place of their number.
CREATE OR REPLACE FUNCTION without_addresses(target jsonb, addresses text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT target || coalesce(jsonb_object_agg(lists.name, kept.list), '{}')
    FROM (
        VALUES ('phoneNumbers', 'phoneNumbers'), ('numberZones', 'phoneNumbers'), ('numberRegions', 'phoneNumbers'),
               ('emailAddresses', 'emailAddresses')
    ) AS lists (name, beside)
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(item.value ORDER BY item.place), '[]') AS list
        FROM jsonb_array_elements(target -> lists.name) WITH ORDINALITY AS item (value, place)
        WHERE (target -> lists.beside ->> (item.place - 1)::int = ANY (addresses)) IS NOT TRUE
    ) AS kept
    WHERE jsonb_exists(target, lists.name)
$$;

RESET lock_timeout;

-- An earlier run that was cut off leaves an index that is no good: it is built anew.
DROP INDEX CONCURRENTLY IF EXISTS messages_to_redact;
CREATE INDEX CONCURRENTLY messages_to_redact ON messages (settled_at) WHERE redacted_at IS NULL AND settled_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_to_prune;
CREATE INDEX CONCURRENTLY messages_to_prune ON messages (settled_at)
    WHERE prune_began_at IS NULL AND totaled_at IS NOT NULL AND settled_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_being_pruned;
CREATE INDEX CONCURRENTLY messages_being_pruned ON messages (message_id)
    WHERE prune_began_at IS NOT NULL AND pruned_at IS NULL;
