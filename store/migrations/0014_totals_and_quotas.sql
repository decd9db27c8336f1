-- Counts of messages that stay when deliveries are deleted, prices of segments, and monthly quotas.
-- depends: 0013_alerts
-- transactional: false
-- Outside a transaction, because the indexes of a live ledger are built beside its writers (CONCURRENTLY). So each statement
-- can be run again: when one fails, run the migration again.

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE messages
    -- When its deliveries are counted next. NULL: its counts are final. `infinity`, which messages of before get: when nothing
    -- else is due.
    ADD COLUMN IF NOT EXISTS total_due_at timestamptz DEFAULT 'infinity',
    -- When the deliveries of a settled message were last counted. NULL: its counts are not final.
    ADD COLUMN IF NOT EXISTS totaled_at timestamptz;
ALTER TABLE messages ALTER COLUMN total_due_at SET DEFAULT now();

-- The deliveries of each message by status and reason. The rows stay when the deliveries are deleted. They repeat what the
-- sums need of the message, so that a sum reads one index range.
CREATE TABLE IF NOT EXISTS message_totals (
    message_id     uuid NOT NULL,
    church_id      uuid NOT NULL REFERENCES churches,
    channel        text NOT NULL,
    -- As of the message. The day follows from it and from the time zone of the church.
    send_at        timestamptz NOT NULL,
    status         delivery_status NOT NULL,
    -- The error code of the carrier or one of a closed list of reasons; '' when there is none.
    reason         text NOT NULL,
    deliveries     bigint NOT NULL,
    segments       bigint NOT NULL,
    -- Of `delivered`: how many took how long, as a histogram. Bucket b holds up to 1.1 to the power of b seconds.
    time_buckets   smallint[] NOT NULL DEFAULT '{}',
    time_counts    integer[] NOT NULL DEFAULT '{}',
    counted_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, status, reason),
    CHECK (cardinality(time_buckets) = cardinality(time_counts))
) WITH (fillfactor = 80); -- counted again, a row is updated in place
CREATE INDEX IF NOT EXISTS message_totals_of_church ON message_totals (church_id, send_at, message_id);

-- Settled messages of which a delivery changed: they are counted again. Rows are only added where the delivery changes, so
-- that this waits for no lock of a message.
CREATE TABLE IF NOT EXISTS recount_requests (
    recount_request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id         uuid NOT NULL
);

-- A message is counted when its deliveries are written, and again when it is reopened, by whatever statement of whatever
-- release.
CREATE OR REPLACE FUNCTION make_total_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.total_due_at := now();
    NEW.totaled_at := NULL;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER make_total_due BEFORE UPDATE OF expanded_at, settled_at ON messages
    FOR EACH ROW
    WHEN (OLD.expanded_at IS NULL AND NEW.expanded_at IS NOT NULL
          OR OLD.settled_at IS NOT NULL AND NEW.settled_at IS NULL)
    EXECUTE FUNCTION make_total_due();

ALTER TABLE churches
    -- Segments that it may send in one of its own months. NULL: as many as the daily limits allow.
    ADD COLUMN IF NOT EXISTS monthly_segment_quota bigint CHECK (monthly_segment_quota >= 0);

-- The sums of daily_segments by month, in rows of their own, so that concurrent messages of different days cannot exceed a
-- quota together.
CREATE TABLE IF NOT EXISTS monthly_segments (
    church_id uuid NOT NULL REFERENCES churches,
    month     date NOT NULL CHECK (extract(day FROM month) = 1),
    segments  bigint NOT NULL,
    PRIMARY KEY (church_id, month)
) WITH (fillfactor = 50); -- every message updates the row of its church: leave room to do it in place

-- What a segment costs from a day on, by the calendar of the church. church_id NULL: of every church without a price of its
-- own. per_segment NULL: from that day on there is no price of its own.
CREATE TABLE IF NOT EXISTS segment_prices (
    church_id   uuid REFERENCES churches,
    channel     text NOT NULL,
    valid_from  date NOT NULL,
    per_segment numeric(12, 6) CHECK (per_segment >= 0),
    currency    text CHECK (currency ~ '^[A-Z]{3}$'),
    UNIQUE NULLS NOT DISTINCT (church_id, channel, valid_from),
    CHECK ((per_segment IS NULL) = (currency IS NULL))
);

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['message_totals', 'recount_requests', 'monthly_segments', 'segment_prices'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format('DROP POLICY IF EXISTS own_church ON %I', walled);
        EXECUTE format('DROP POLICY IF EXISTS system_only ON %I', walled);
    END LOOP;
    FOREACH walled IN ARRAY ARRAY['message_totals', 'monthly_segments', 'segment_prices'] LOOP
        EXECUTE format(
            'CREATE POLICY own_church ON %I USING ((SELECT works_for_the_system()) '
            'OR church_id = (SELECT working_church()))', walled);
    END LOOP;
    CREATE POLICY system_only ON recount_requests USING ((SELECT works_for_the_system()));
    -- The price of every church is no secret of one.
    DROP POLICY IF EXISTS price_of_every_church ON segment_prices;
    CREATE POLICY price_of_every_church ON segment_prices FOR SELECT
        USING (church_id IS NULL AND (SELECT working_church()) IS NOT NULL);
END
$$;

SET koinonia.scope = 'system';

INSERT INTO monthly_segments (church_id, month, segments)
SELECT church_id, date_trunc('month', day)::date, sum(segments)
FROM daily_segments
GROUP BY 1, 2
ON CONFLICT (church_id, month) DO UPDATE SET segments = excluded.segments;

-- What is going on is counted before what is past.
UPDATE messages SET total_due_at = now()
WHERE total_due_at = 'infinity' AND (completed_at IS NULL OR completed_at IS NOT NULL AND settled_at IS NULL);

RESET koinonia.scope;
RESET lock_timeout;

-- An earlier run that was cut off leaves an index that is no good: it is built anew.
DROP INDEX CONCURRENTLY IF EXISTS messages_to_total;
CREATE INDEX CONCURRENTLY messages_to_total ON messages (total_due_at) WHERE total_due_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS messages_not_final;
CREATE INDEX CONCURRENTLY messages_not_final ON messages (church_id, send_at) WHERE total_due_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS consent_events_by_time;
CREATE INDEX CONCURRENTLY consent_events_by_time ON consent_events (church_id, happened_at);
