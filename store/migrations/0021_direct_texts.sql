-- Texts to one person outside the broadcasts: replies, and confirmations of what a person asked for.
-- depends: 0020_inbound_messages
-- transactional: false
-- Outside a transaction, because the indexes of a live ledger are built beside its writers (CONCURRENTLY). So each statement
-- can be run again: when one fails, run the migration again. None reads or rewrites a large table under a lock.

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE messages
    -- 'broadcast': what a church writes to many, and all that was sent before this column. 'reply': an answer to one person.
    -- 'confirmation': the answer of the service to a keyword; it is sent although its recipient opted out.
    ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT 'broadcast';
-- NOT VALID: every message of before is a broadcast, and need not be read.
ALTER TABLE messages
    DROP CONSTRAINT IF EXISTS messages_kind,
    ADD CONSTRAINT messages_kind CHECK (kind IN ('broadcast', 'reply', 'confirmation')) NOT VALID;

RESET lock_timeout;

-- An earlier run that was cut off leaves an index that is no good: it is built anew.
DROP INDEX CONCURRENTLY IF EXISTS messages_direct_open;
-- Single texts that are not submitted yet: few, or none.
CREATE INDEX CONCURRENTLY messages_direct_open ON messages (message_id) WHERE kind <> 'broadcast' AND completed_at IS NULL;
