-- Who changed what: one row for each change by a key, an operator, a command or the service itself.
-- depends: 0011_next_claims

CREATE TABLE audit_events (
    audit_event_id uuid PRIMARY KEY DEFAULT uuidv7(),
    happened_at    timestamptz NOT NULL DEFAULT now(),
    -- NULL for a change that belongs to no single church.
    church_id      uuid,
    actor_kind     text NOT NULL CHECK (actor_kind IN ('key', 'operator', 'command', 'service')),
    -- The id of the key, the operator's name, or the user and host of the command.
    actor          text NOT NULL CHECK (actor <> ''),
    -- The kind of what was changed and the change, such as 'sender.resumed'.
    action         text NOT NULL CHECK (action ~ '^[a-z_]+[.][a-z_]+$'),
    -- The id or name of what was changed.
    subject        text NOT NULL,
    -- More about the change, by names as in the API. Never a text of a message, a secret or a whole address.
    details        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_events_of_church ON audit_events (church_id, audit_event_id);
ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
-- No policy for UPDATE and DELETE: nobody changes or removes a row.
CREATE POLICY own_church_reads ON audit_events FOR SELECT
    USING ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));
CREATE POLICY own_church_adds ON audit_events FOR INSERT
    WITH CHECK ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));
