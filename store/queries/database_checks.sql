-- name: list_unprotected_tables
-- Tables with rows of churches on which row security is not both enabled and forced. Partitions count too: they can be read
-- by their own names. The migration tool's tables have none.
SELECT c.relname::text AS table_name, c.relrowsecurity AS is_enabled, c.relforcerowsecurity AS is_forced
FROM pg_class AS c
WHERE c.relkind IN ('r', 'p')
  AND c.relnamespace = current_schema()::regnamespace
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
  AND EXISTS (
      SELECT FROM pg_attribute AS a
      WHERE a.attrelid = c.oid AND a.attname IN ('church_id', 'delivery_id', 'message_id') AND NOT a.attisdropped
  )
ORDER BY c.relname;

-- name: count_protected_tables
SELECT count(*)
FROM pg_class AS c
WHERE c.relkind IN ('r', 'p')
  AND c.relnamespace = current_schema()::regnamespace
  AND c.relrowsecurity AND c.relforcerowsecurity;

-- name: list_invalid_indexes
-- An index that CREATE INDEX CONCURRENTLY left behind is not used by queries. One that is being built now is listed as well.
SELECT c.relname::text AS index_name,
       EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid) AS is_being_built
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready)
ORDER BY c.relname;

-- name: count_indexes
SELECT count(*)
FROM pg_class AS c
WHERE c.relkind IN ('i', 'I') AND c.relnamespace = current_schema()::regnamespace;

-- name: most_bloated_table
-- From the statistics alone: no table is read. Tables that vacuum rightly ignores, because they are small, do not count.
SELECT s.relname::text AS table_name, s.n_dead_tup AS dead_rows, s.n_live_tup AS live_rows,
       pg_total_relation_size(s.relid) AS size_bytes,
       greatest(s.last_autovacuum, s.last_vacuum) AS vacuumed_at
FROM pg_stat_user_tables AS s
WHERE s.schemaname = current_schema() AND s.n_dead_tup >= :least_dead_rows
ORDER BY s.n_dead_tup::double precision / (s.n_dead_tup + s.n_live_tup) DESC
LIMIT 1;

-- name: oldest_transaction
-- An old transaction keeps vacuum from removing dead rows, in every table. Only sessions whose details the role may see: its
-- own, and all with pg_read_all_stats.
SELECT a.pid, extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS age_seconds, a.state,
       a.application_name
FROM pg_stat_activity AS a
WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
ORDER BY a.xact_start
LIMIT 1;

-- name: count_connections
-- The rest is reserved for superusers. The limits of the role and of the database are lower, if they are set (-1: none).
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - current_setting('reserved_connections')::int AS server_limit,
       (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND backend_type = 'client backend') AS used_by_role,
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role_limit,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend')
           AS used_in_database,
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database_limit;

-- name: oldest_prepared_transaction
-- The service uses none. One that was forgotten holds its locks and keeps vacuum from removing rows, also after a restart.
SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::double precision AS age_seconds
FROM pg_prepared_xacts
WHERE database = current_database()
ORDER BY prepared
LIMIT 1;

-- name: read_clock
SELECT clock_timestamp();

-- name: write_probe
-- Rolled back: no row remains.
INSERT INTO churches (name) VALUES (:name)
RETURNING church_id;

-- name: read_probe
SELECT name FROM churches WHERE church_id = :church_id;

-- name: assign_transaction_id
-- A transaction with an id, but without a row, is written to the log of the server when it is committed.
SELECT pg_current_xact_id()::text;
