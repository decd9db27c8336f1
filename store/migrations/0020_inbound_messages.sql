-- What people write to churches.
-- depends: 0019_contacts_and_groups

CREATE TABLE inbound_messages (
    inbound_message_id uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id          uuid NOT NULL REFERENCES churches,
    channel            text NOT NULL,
    -- The carrier's id. A carrier may send the same message twice.
    carrier_id         text NOT NULL,
    -- Who wrote, and to which of the church's addresses.
    from_address       text NOT NULL,
    to_address         text NOT NULL,
    content            text NOT NULL,
    -- [{"url": ..., "contentType": ...}], as the carrier has them.
    media              jsonb NOT NULL DEFAULT '[]',
    -- What the words ask for; NULL: it is a reply.
    keyword            text CHECK (keyword IN ('opt_out', 'opt_in', 'help')),
    received_at        timestamptz NOT NULL DEFAULT now(),
    read_at            timestamptz,
    redacted_at        timestamptz,
    UNIQUE (church_id, carrier_id)
);
CREATE INDEX inbound_messages_page ON inbound_messages (church_id, inbound_message_id);
CREATE INDEX inbound_messages_of_address ON inbound_messages (church_id, from_address, inbound_message_id);
CREATE INDEX inbound_messages_unread ON inbound_messages (church_id, inbound_message_id)
    WHERE read_at IS NULL AND keyword IS NULL;

ALTER TABLE inbound_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbound_messages FORCE ROW LEVEL SECURITY;
CREATE POLICY own_church ON inbound_messages
    USING ((SELECT works_for_the_system()) OR church_id = (SELECT working_church()));
