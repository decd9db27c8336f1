-- Counters for /metrics: every change of the status of a delivery is counted in the transaction of the change, and processes
-- add what they measured. Both only append rows; a periodic job adds these up.
-- depends: 0012_audit
-- transactional: false
-- Outside a transaction, because indexes of a live ledger are built beside its writers (CONCURRENTLY), and because deliveries
-- are counted once without blocking them. So each statement can be run again: when one fails, run the migration again.

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

-- How much each counter has grown. `labels` has the values by name; values are exact, so that no sum ever decreases.
CREATE TABLE IF NOT EXISTS metric_changes (
    name   text NOT NULL,
    labels jsonb NOT NULL,
    value  numeric NOT NULL
) WITH (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE metric_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE metric_changes FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON metric_changes;
CREATE POLICY system_only ON metric_changes USING ((SELECT works_for_the_system()));
-- A transaction of a church also changes deliveries, which the trigger counts; it cannot read the counters.
DROP POLICY IF EXISTS everyone_adds ON metric_changes;
CREATE POLICY everyone_adds ON metric_changes FOR INSERT WITH CHECK (true);

-- The sum of the changes that were added up and deleted.
CREATE TABLE IF NOT EXISTS metric_totals (
    name   text NOT NULL,
    labels jsonb NOT NULL,
    value  numeric NOT NULL,
    PRIMARY KEY (name, labels)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE metric_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE metric_totals FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_only ON metric_totals;
CREATE POLICY system_only ON metric_totals USING ((SELECT works_for_the_system()));

-- The reason of a status as a label: the carrier's code, or one of a closed list. Texts of carriers are of any number, and a
-- metric must have few label values. Codes: Twilio's have five digits; those of mail servers are limited to what RFC 3463 and
-- its registry use, because the mail server of any recipient may choose them.
CREATE OR REPLACE FUNCTION metric_reason(status delivery_status, error_code text, reason text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN status IN ('sending', 'sent', 'canceled') THEN ''
    WHEN status IN ('queued', 'unknown', 'undelivered', 'failed')
        AND error_code ~ '^([1-9][0-9]{4}|[245][0-5][0-9]|[245][.][0-7][.]([0-9]|[12][0-9]|30))$' THEN error_code
    WHEN reason IS NULL THEN ''
    WHEN split_part(reason, ' (', 1) IN (
        'opted out', 'bounced before', 'no address', 'number is never texted', 'region not allowed', 'duplicate',
        'quiet hours', 'too late to be sent', 'daily limit', 'decided by a person',
        'the worker went silent', 'its carrier id belongs to another delivery', 'no response from the carrier',
        'the carrier failed', 'the submission failed unexpectedly', 'the carrier cannot be reached',
        'returned before it was submitted', 'refused before it reached the carrier',
        'the mail server did not confirm whether it accepted the mail', 'the mail server cannot be reached',
        'the connection was lost before the whole mail was sent', 'the mail cannot be composed',
        'an earlier attempt arrived, this one perhaps too'
    ) THEN split_part(reason, ' (', 1)
    ELSE 'other'
END;

-- One statement-level trigger for each kind of statement: it sees all rows of the statement at once, and a statement that
-- changes 500 deliveries adds one row or a few.
CREATE OR REPLACE FUNCTION count_new_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_changes (name, labels, value)
    SELECT 'koinonia_delivery_changes_total',
           jsonb_build_object(
               'channel', channel, 'from', 'none', 'to', status, 'reason', metric_reason(status, error_code, reason)
           ),
           deliveries
    FROM (
        SELECT channel, status, error_code, reason, count(*) AS deliveries
        FROM new_rows
        GROUP BY channel, status, error_code, reason
    ) AS written;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION count_changed_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_changes (name, labels, value)
    SELECT 'koinonia_delivery_changes_total',
           jsonb_build_object(
               'channel', channel, 'from', status_before, 'to', status, 'reason', metric_reason(status, error_code, reason)
           ),
           deliveries
    FROM (
        SELECT new_rows.channel, old_rows.status AS status_before, new_rows.status,
               CASE WHEN new_rows.status NOT IN ('sending', 'sent', 'delivered') THEN new_rows.error_code END AS error_code,
               CASE WHEN new_rows.status NOT IN ('sending', 'sent') THEN new_rows.reason END AS reason,
               count(*) AS deliveries
        FROM new_rows
        JOIN old_rows USING (delivery_id)
        WHERE new_rows.status <> old_rows.status
        GROUP BY 1, 2, 3, 4, 5
    ) AS changed;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION count_deleted_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metric_changes (name, labels, value)
    SELECT 'koinonia_delivery_changes_total',
           jsonb_build_object('channel', channel, 'from', status, 'to', 'none', 'reason', ''),
           deliveries
    FROM (SELECT channel, status, count(*) AS deliveries FROM old_rows GROUP BY channel, status) AS deleted;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER count_new AFTER INSERT ON deliveries
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_new_deliveries();
CREATE OR REPLACE TRIGGER count_changed AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_changed_deliveries();
CREATE OR REPLACE TRIGGER count_deleted AFTER DELETE ON deliveries
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_deliveries();

RESET lock_timeout;

SET koinonia.scope = 'system';

-- The deliveries that existed before the triggers: what is there, less what the triggers have counted in the same snapshot. So
-- it needs no lock, and finds nothing more to add when it is run again. It reads all deliveries, which may take minutes.
INSERT INTO metric_changes (name, labels, value)
SELECT 'koinonia_delivery_changes_total',
       jsonb_build_object('channel', channel, 'from', 'none', 'to', status, 'reason', 'counted at the start'),
       sum(deliveries)
FROM (
    SELECT channel, status::text AS status, count(*)::numeric AS deliveries FROM deliveries GROUP BY channel, status
    UNION ALL
    SELECT counted.labels ->> 'channel', moved.status, counted.value * moved.direction
    FROM (SELECT name, labels, value FROM metric_changes UNION ALL SELECT name, labels, value FROM metric_totals) AS counted
    CROSS JOIN LATERAL (VALUES (counted.labels ->> 'to', -1), (counted.labels ->> 'from', 1)) AS moved (status, direction)
    WHERE counted.name = 'koinonia_delivery_changes_total' AND moved.status <> 'none'
) AS difference
GROUP BY channel, status
HAVING sum(deliveries) <> 0;

-- Refused callbacks have been counted by day so far.
INSERT INTO metric_changes (name, labels, value)
SELECT 'koinonia_callbacks_refused_total', jsonb_build_object('channel', channel, 'reason', 'signature'), sum(refused)
FROM refused_callbacks
WHERE NOT EXISTS (SELECT FROM metric_changes WHERE name = 'koinonia_callbacks_refused_total')
  AND NOT EXISTS (SELECT FROM metric_totals WHERE name = 'koinonia_callbacks_refused_total')
GROUP BY channel;

RESET koinonia.scope;

-- Small indexes of what is rare, for the ages and numbers that /metrics shows. A delivery that is not in doubt enters none.
DROP INDEX CONCURRENTLY IF EXISTS deliveries_in_doubt_since;
CREATE INDEX CONCURRENTLY deliveries_in_doubt_since ON deliveries (channel, updated_at) WHERE status = 'unknown';
DROP INDEX CONCURRENTLY IF EXISTS messages_unsettled_since;
CREATE INDEX CONCURRENTLY messages_unsettled_since ON messages (channel, completed_at)
    WHERE completed_at IS NOT NULL AND settled_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS senders_paused;
CREATE INDEX CONCURRENTLY senders_paused ON senders (channel) WHERE paused_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS senders_slowed;
CREATE INDEX CONCURRENTLY senders_slowed ON senders (channel, slowed_until) WHERE slowed_until > '-infinity';
