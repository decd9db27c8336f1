#!/usr/bin/env bash
# Creates the role and the database of the product, when the PostgreSQL of compose.yml starts for the first time. The role is
# not a superuser: row security does not apply to superusers.
set -euo pipefail
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv password DATABASE_PASSWORD
CREATE ROLE koinonia LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE koinonia OWNER koinonia TEMPLATE template0 ENCODING 'UTF8';
SQL
