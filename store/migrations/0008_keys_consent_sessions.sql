-- Keys that expire and can be told apart, a history of opt-outs and opt-ins, and operator sessions that can be ended.
-- depends: 0007_one_text_one_delivery

ALTER TABLE api_keys
    -- The last characters of the key, to tell keys apart. NULL for keys made before this was kept.
    ADD COLUMN hint text,
    ADD COLUMN expires_at timestamptz,
    -- Kept to the hour, so that a lookup rarely writes.
    ADD COLUMN last_used_at timestamptz;

-- The same name, arguments and columns as before: processes of the version before call it during a deploy, and must
-- already refuse expired keys.
CREATE OR REPLACE FUNCTION find_key(wanted_hash bytea) RETURNS TABLE (church_id uuid, scopes text[])
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
        RETURN QUERY SELECT found.church_id, found.scopes;
    END IF;
END
$$;

-- When the key with this hash expired; NULL for every other key. Asked only about keys that find_key() did not find.
CREATE FUNCTION key_expired_at(wanted_hash bytea) RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
    scope_before text := coalesce(current_setting('koinonia.scope', true), '');
    expired_at timestamptz;
BEGIN
    PERFORM set_config('koinonia.scope', 'system', true);
    SELECT api_keys.expires_at INTO expired_at
    FROM api_keys
    WHERE api_keys.secret_hash = wanted_hash AND api_keys.revoked_at IS NULL AND api_keys.expires_at <= now();
    PERFORM set_config('koinonia.scope', scope_before, true);
    RETURN expired_at;
END
$$;

-- Every opt-out and opt-in, in order. Rows are only added: `opt_outs` says what holds now, this table how it came about.
CREATE TABLE consent_events (
    consent_event_id uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id        uuid NOT NULL REFERENCES churches,
    address          text NOT NULL,
    event            text NOT NULL CHECK (event IN ('opt_out', 'opt_in')),
    -- Who or what it came from: 'command', 'unsubscribe link', 'bounce', 'carrier'.
    source           text NOT NULL,
    evidence         text,
    -- Of an opt-in: the opt-out that it lifted.
    lifted_source    text,
    lifted_since     timestamptz,
    happened_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((event = 'opt_in') = (lifted_source IS NOT NULL AND lifted_since IS NOT NULL)),
    CHECK (event = 'opt_out' OR evidence IS NOT NULL)
);
CREATE INDEX consent_events_of_address ON consent_events (church_id, address, consent_event_id);
ALTER TABLE consent_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_events FORCE ROW LEVEL SECURITY;
-- No policy for UPDATE and DELETE: nobody changes or removes a row.
CREATE POLICY own_church_reads ON consent_events FOR SELECT
    USING ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));
CREATE POLICY own_church_adds ON consent_events FOR INSERT
    WITH CHECK ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));

-- Who is logged in to the operator's pages. The hash is keyed with the password, so a new password ends every session.
CREATE TABLE operator_sessions (
    session_hash bytea PRIMARY KEY CHECK (length(session_hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
ALTER TABLE operator_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE operator_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY system_only ON operator_sessions USING ((SELECT works_for_the_system()));
