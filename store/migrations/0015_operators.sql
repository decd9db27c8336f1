-- Who did what: the key of a change is known, and operators have names, passwords and sessions of their own.
-- depends: 0012_audit

-- The history of one message, key or church, and of one operator, command or part of the service. What keys did is found by
-- their church: most entries are theirs, and an index that leaves them out costs a send nothing.
CREATE INDEX audit_events_of_subject ON audit_events (subject, audit_event_id);
CREATE INDEX audit_events_of_actor ON audit_events (actor, audit_event_id) WHERE actor_kind <> 'key';

-- Row security refuses UPDATE and DELETE, but does not apply to TRUNCATE. The role owns the tables and could grant this to
-- itself again; no statement of the service does.
REVOKE TRUNCATE ON audit_events, consent_events FROM CURRENT_USER;

-- As find_key(), with the id of the key.
CREATE FUNCTION find_key_holder(wanted_hash bytea) RETURNS TABLE (api_key_id uuid, church_id uuid, scopes text[])
LANGUAGE plpgsql AS $$
DECLARE
    scope_before text := coalesce(current_setting('koinonia.scope', true), '');
    found api_keys%ROWTYPE;
BEGIN
    PERFORM set_config('koinonia.scope', 'system', true);
    SELECT * INTO found
    FROM api_keys
    WHERE api_keys.secret_hash = wanted_hash AND api_keys.revoked_at IS NULL
      AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now());
    IF found.api_key_id IS NOT NULL
       AND (found.last_used_at IS NULL OR found.last_used_at < now() - interval '1 hour') THEN
        -- A row that somebody else is changing is skipped: a request never waits for this.
        UPDATE api_keys SET last_used_at = now()
        WHERE api_keys.api_key_id = (
            SELECT unlocked.api_key_id FROM api_keys AS unlocked
            WHERE unlocked.api_key_id = found.api_key_id
            FOR UPDATE SKIP LOCKED
        );
    END IF;
    PERFORM set_config('koinonia.scope', scope_before, true);
    IF found.api_key_id IS NOT NULL THEN
        RETURN QUERY SELECT found.api_key_id, found.church_id, found.scopes;
    END IF;
END
$$;

-- Processes of the former release call this one during a deploy.
CREATE OR REPLACE FUNCTION find_key(wanted_hash bytea) RETURNS TABLE (church_id uuid, scopes text[])
LANGUAGE sql AS $$
    SELECT holder.church_id, holder.scopes FROM find_key_holder(wanted_hash) AS holder
$$;

CREATE TABLE operators (
    operator_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    name          text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9._-]{0,31}$'),
    -- Argon2id with its parameters, in the PHC string format.
    password_hash text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz
);
ALTER TABLE operators ENABLE ROW LEVEL SECURITY;
ALTER TABLE operators FORCE ROW LEVEL SECURITY;
CREATE POLICY system_only ON operators USING ((SELECT works_for_the_system()));

ALTER TABLE operator_sessions
    -- By which people name a session. It opens nothing: the cookie has another secret.
    ADD COLUMN session_id uuid NOT NULL UNIQUE DEFAULT uuidv7(),
    -- NULL: the session began with OPERATOR_PASSWORD. The sessions of an operator end with the row.
    ADD COLUMN operator_id uuid REFERENCES operators ON DELETE CASCADE,
    -- The address from which the login came.
    ADD COLUMN login_address text;
CREATE INDEX operator_sessions_of_operator ON operator_sessions (operator_id);
