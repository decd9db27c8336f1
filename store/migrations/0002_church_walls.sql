-- A church sees only its own, even if a query forgets to say so. A connection sees nothing until it says for
-- whom it works: one church (koinonia.church) or the whole system (koinonia.scope = 'system').
-- The settings stand in sub-selects so that they are read once a statement, not once a row.
-- depends: 0001_ledger

CREATE FUNCTION works_for_the_system() RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(current_setting('koinonia.scope', true), '') = 'system';

CREATE FUNCTION working_church() RETURNS uuid LANGUAGE sql STABLE
RETURN nullif(current_setting('koinonia.church', true), '')::uuid;

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY[
        'churches', 'api_keys', 'senders', 'contacts', 'opt_outs', 'messages', 'deliveries', 'daily_totals'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY own_church ON %I USING ((SELECT works_for_the_system()) '
            'OR church_id = (SELECT working_church()))', walled);
    END LOOP;
    -- Receipts name no church: only the system reads and writes them.
    ALTER TABLE receipts ENABLE ROW LEVEL SECURITY;
    ALTER TABLE receipts FORCE ROW LEVEL SECURITY;
    CREATE POLICY system_only ON receipts USING ((SELECT works_for_the_system()));
END
$$;
