-- name: applied_migrations
-- From yoyo's own table. If the table does not exist, the database was never migrated.
SELECT migration_id
FROM _yoyo_migration;
