-- Incidents that operators are told of, and what the watchers share: the lease, who was seen, and samples of counters.
-- depends: 0012_audit
-- transactional: false
-- Outside a transaction, because an index of deliveries is built beside their writers (CONCURRENTLY). So each statement can
-- be run again: when one fails, run the migration again.

SET lock_timeout = '10s';

CREATE TABLE IF NOT EXISTS incidents (
    incident_id       uuid PRIMARY KEY,
    kind              text NOT NULL,
    -- Which of several it is, such as the name of a queue; '' when there is only one.
    subject           text NOT NULL,
    opened_at         timestamptz NOT NULL,
    last_seen_at      timestamptz NOT NULL,
    -- When the first notice of it arrived somewhere.
    told_at           timestamptz,
    recovered_at      timestamptz,
    summary           text NOT NULL,
    -- The measured values. Never a text of a message, a secret or a whole address.
    facts             jsonb NOT NULL,
    -- How many checks in a row must find it gone before it has recovered: more for one that comes again and again.
    checks_to_recover integer NOT NULL,
    -- The notices, by what they tell and by which way: attempts, the next attempt, when it arrived, the last error.
    notices           jsonb NOT NULL,
    -- Counts the changes: of two watchers that change it at once, one finds another version.
    version           integer NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS incidents_open ON incidents (kind, subject) WHERE recovered_at IS NULL;
CREATE INDEX IF NOT EXISTS incidents_recovered ON incidents (recovered_at) WHERE recovered_at IS NOT NULL;
ALTER TABLE incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE incidents FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON incidents;
CREATE POLICY system_only ON incidents USING ((SELECT works_for_the_system()));

-- Until when incidents of a kind (or of every kind: 'all') are recorded but not told.
CREATE TABLE IF NOT EXISTS alert_silences (
    kind          text PRIMARY KEY,
    silent_until  timestamptz NOT NULL,
    reason        text NOT NULL,
    created_by    text NOT NULL
);
ALTER TABLE alert_silences ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_silences FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON alert_silences;
CREATE POLICY system_only ON alert_silences USING ((SELECT works_for_the_system()));

-- Which watcher checks. One row.
CREATE TABLE IF NOT EXISTS watcher_lease (
    lease      text PRIMARY KEY CHECK (lease = 'watcher'),
    holder     text NOT NULL,
    held_until timestamptz NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE watcher_lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE watcher_lease FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON watcher_lease;
CREATE POLICY system_only ON watcher_lease USING ((SELECT works_for_the_system()));

-- The processes that watch, and when each was last seen at work.
CREATE TABLE IF NOT EXISTS watchers (
    process           text NOT NULL CHECK (process IN ('clock', 'worker')),
    host              text NOT NULL,
    seen_at           timestamptz NOT NULL,
    -- Of its host. NULL when it cannot be known.
    disk_used_percent double precision,
    PRIMARY KEY (process, host)
) WITH (fillfactor = 50);
ALTER TABLE watchers ENABLE ROW LEVEL SECURITY;
ALTER TABLE watchers FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON watchers;
CREATE POLICY system_only ON watchers USING ((SELECT works_for_the_system()));

-- Counters of the last hour, so that what happened within ten minutes is known whichever watcher checks.
CREATE TABLE IF NOT EXISTS alert_samples (
    sampled_at timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
    counters   jsonb NOT NULL
);
ALTER TABLE alert_samples ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_samples FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON alert_samples;
CREATE POLICY system_only ON alert_samples USING ((SELECT works_for_the_system()));

-- The senders that the carrier refused: few of all.
CREATE INDEX IF NOT EXISTS senders_paused ON senders (paused_at) WHERE paused_at IS NOT NULL;

RESET lock_timeout;

-- Since when deliveries have been in doubt. Only a delivery that becomes doubtful enters it.
DROP INDEX CONCURRENTLY IF EXISTS deliveries_in_doubt_since;
CREATE INDEX CONCURRENTLY deliveries_in_doubt_since ON deliveries (updated_at) WHERE status = 'unknown';
