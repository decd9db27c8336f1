-- name: current_role
-- Row security applies neither to superusers nor to roles with BYPASSRLS, whatever the tables say.
SELECT rolname::text, rolsuper, rolbypassrls
FROM pg_roles
WHERE rolname = current_user;
