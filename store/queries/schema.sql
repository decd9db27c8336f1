-- name: applied_migrations
-- What the migrations' own bookkeeping says. Where it does not exist, nothing was ever migrated.
SELECT migration_id
FROM _yoyo_migration;
