-- Texts to one person outside the broadcasts: replies, and confirmations of what a person asked for. With what people write,
-- they are conversations.
-- depends: 0020_inbound_messages
-- transactional: false
-- Outside a transaction, because the indexes of a live ledger are built beside its writers (CONCURRENTLY). So each statement
-- can be run again: when one fails, run the migration again. None reads or rewrites a large table under a lock.

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

-- A church and one number with which it exchanges texts.
CREATE TABLE IF NOT EXISTS conversations (
    conversation_id uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id       uuid NOT NULL REFERENCES churches,
    address         text NOT NULL,
    -- The latest text that the person wrote, or that was sent to them alone: an id of inbound_messages or messages, of which
    -- the order is that of time. Broadcasts do not count.
    last_message_id uuid NOT NULL,
    -- The same without keywords and confirmations. NULL: there is none, and staff have nothing to answer.
    last_reply_id   uuid,
    UNIQUE (church_id, address)
);
CREATE INDEX IF NOT EXISTS conversations_latest ON conversations (church_id, last_reply_id) WHERE last_reply_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS conversations_oldest ON conversations (last_message_id);
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_church ON conversations;
CREATE POLICY own_church ON conversations
    USING ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));

-- Whatever stores an inbound message, its conversation exists and is the latest.
CREATE OR REPLACE FUNCTION add_to_conversation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO conversations (church_id, address, last_message_id, last_reply_id)
    VALUES (
        NEW.church_id, NEW.from_address, NEW.inbound_message_id,
        CASE WHEN NEW.keyword IS NULL THEN NEW.inbound_message_id END
    )
    ON CONFLICT (church_id, address) DO UPDATE
    SET last_message_id = greatest(conversations.last_message_id, excluded.last_message_id),
        last_reply_id = greatest(conversations.last_reply_id, excluded.last_reply_id);
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER add_to_conversation AFTER INSERT ON inbound_messages
    FOR EACH ROW EXECUTE FUNCTION add_to_conversation();

ALTER TABLE messages
    -- 'broadcast': what a church writes to many, and all that was sent before this column. 'reply': an answer to one person.
    -- 'confirmation': the answer of the service to a keyword; it is sent although its recipient opted out.
    ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT 'broadcast',
    -- Of a reply or confirmation: the conversation, whose address is the recipient.
    ADD COLUMN IF NOT EXISTS conversation_id uuid;
-- NOT VALID: every message of before is a broadcast, and need not be read.
ALTER TABLE messages
    DROP CONSTRAINT IF EXISTS messages_kind,
    ADD CONSTRAINT messages_kind CHECK (kind IN ('broadcast', 'reply', 'confirmation')) NOT VALID;

-- An opt-in may be the consent of a person who had not opted out: evidence that a church keeps.
ALTER TABLE consent_events
    DROP CONSTRAINT IF EXISTS consent_events_check,
    DROP CONSTRAINT IF EXISTS consent_events_lifted,
    ADD CONSTRAINT consent_events_lifted CHECK (
        (lifted_source IS NULL) = (lifted_since IS NULL) AND (event = 'opt_in' OR lifted_source IS NULL)
    ) NOT VALID;

RESET lock_timeout;

-- For pages of opt-outs.
CREATE INDEX IF NOT EXISTS opt_outs_page ON opt_outs (church_id, opted_out_at);
CREATE INDEX IF NOT EXISTS sender_opt_outs_page ON sender_opt_outs (church_id, opted_out_at);

-- Of an unread count, and of what one person wrote that is not read. Few: what staff have read is not in it.
CREATE INDEX IF NOT EXISTS inbound_messages_unread_of_address ON inbound_messages (church_id, from_address, inbound_message_id)
    WHERE read_at IS NULL AND keyword IS NULL;
-- What is to be redacted when it is old, oldest first.
CREATE INDEX IF NOT EXISTS inbound_messages_to_redact ON inbound_messages (inbound_message_id) WHERE redacted_at IS NULL;

-- An earlier run that was cut off leaves an index that is no good: it is built anew.
DROP INDEX CONCURRENTLY IF EXISTS messages_direct_open;
-- Single texts that are not submitted yet: few, or none.
CREATE INDEX CONCURRENTLY messages_direct_open ON messages (message_id) WHERE kind <> 'broadcast' AND completed_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_of_conversation;
CREATE INDEX CONCURRENTLY messages_of_conversation ON messages (conversation_id, message_id) WHERE conversation_id IS NOT NULL;
-- In the list of messages, and in a conversation: thousands of single texts would otherwise be read between two broadcasts.
DROP INDEX CONCURRENTLY IF EXISTS messages_broadcasts_page;
CREATE INDEX CONCURRENTLY messages_broadcasts_page ON messages (church_id, message_id) WHERE kind = 'broadcast';
DROP INDEX CONCURRENTLY IF EXISTS messages_broadcasts_by_time;
CREATE INDEX CONCURRENTLY messages_broadcasts_by_time ON messages (church_id, send_at, message_id) WHERE kind = 'broadcast';

-- One delivery for each message and address, except suppressed and redacted ones. Replaces deliveries_once, whose second column was an
-- expression of the status: behind row security such a column cannot be looked up, because comparing statuses is not leakproof,
-- and whoever looked for an address in a message read all of its deliveries. Here the address is a column of its own.
-- A valid one stays when the migration is run again: deliveries_once may be gone already, and then nothing else keeps a message
-- from having two deliveries to one address.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('deliveries_of_address') AND NOT indisvalid) THEN
        SET LOCAL lock_timeout = '10s';
        DROP INDEX deliveries_of_address;
    END IF;
END
$$;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS deliveries_of_address ON deliveries (
    message_id, address, (CASE WHEN status = 'suppressed' OR address IS NULL THEN delivery_id END)
) NULLS NOT DISTINCT;
DROP INDEX CONCURRENTLY IF EXISTS deliveries_once;
