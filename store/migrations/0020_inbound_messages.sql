-- What people write to churches, and what their words change: who opted out of which sender, and how each change came about.
-- depends: 0019_contacts_and_groups

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE churches
    -- Which keywords the service answers by itself: all; those that the carrier does not answer; none.
    ADD COLUMN keyword_replies text NOT NULL DEFAULT 'remaining' CHECK (keyword_replies IN ('all', 'remaining', 'none')),
    -- The church's own texts of these answers. NULL: the default of messaging/keyword_replies.py.
    ADD COLUMN opt_out_reply text CHECK (opt_out_reply <> ''),
    ADD COLUMN opt_in_reply  text CHECK (opt_in_reply <> ''),
    ADD COLUMN help_reply    text CHECK (help_reply <> '');

ALTER TABLE consent_events
    -- The channel through which the person or the carrier said it. NULL: it was not said on a channel.
    ADD COLUMN channel            text,
    -- Who recorded it, as in audit_events. NULL: the person, or the carrier.
    ADD COLUMN actor_kind         text,
    ADD COLUMN actor              text,
    -- The message in which the person wrote the keyword.
    ADD COLUMN inbound_message_id uuid,
    -- The number or messaging service to which alone it applies. NULL: to everything that the church sends to the address.
    ADD COLUMN sender             text;

-- Whose number or messaging service it is that somebody wrote to.
CREATE INDEX senders_of_address ON senders (address) WHERE address IS NOT NULL;
CREATE INDEX senders_of_messaging_service ON senders (messaging_service_sid) WHERE messaging_service_sid IS NOT NULL;

RESET lock_timeout;

-- Addresses that the carrier refuses for one number or messaging service, because the person sent STOP there. Another sender of
-- the church may still reach them. Opt-outs from the whole church are in opt_outs.
CREATE TABLE sender_opt_outs (
    church_id    uuid NOT NULL REFERENCES churches,
    address      text NOT NULL,
    -- A messaging_service_sid or else an address of senders.
    sender       text NOT NULL,
    source       text NOT NULL,
    opted_out_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (church_id, address, sender)
);

CREATE TABLE inbound_messages (
    inbound_message_id uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id          uuid NOT NULL REFERENCES churches,
    channel            text NOT NULL,
    -- The carrier's id. A carrier may send the same message twice.
    carrier_id         text NOT NULL UNIQUE,
    -- Who wrote, and to which of the church's addresses.
    from_address       text NOT NULL,
    to_address         text NOT NULL,
    content            text NOT NULL,
    -- [{"url": ..., "contentType": ...}], as the carrier has them.
    media              jsonb NOT NULL DEFAULT '[]',
    -- What the words ask for; NULL: it is a reply.
    keyword            text CHECK (keyword IN ('opt_out', 'opt_in', 'help')),
    -- The message that answers the keyword, if the service answers it.
    keyword_reply_id   uuid,
    received_at        timestamptz NOT NULL DEFAULT now(),
    read_at            timestamptz,
    redacted_at        timestamptz
);
CREATE INDEX inbound_messages_page ON inbound_messages (church_id, inbound_message_id);
CREATE INDEX inbound_messages_replies ON inbound_messages (church_id, inbound_message_id) WHERE keyword IS NULL;
CREATE INDEX inbound_messages_of_address ON inbound_messages (church_id, from_address, inbound_message_id);
CREATE INDEX inbound_messages_unread ON inbound_messages (church_id, inbound_message_id)
    WHERE read_at IS NULL AND keyword IS NULL;
-- Whether a keyword of this person was answered within the last day.
CREATE INDEX inbound_messages_answered ON inbound_messages (from_address, to_address, inbound_message_id)
    WHERE keyword_reply_id IS NOT NULL;

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['sender_opt_outs', 'inbound_messages'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY own_church ON %I USING ((SELECT works_for_the_system()) '
            'OR church_id = (SELECT working_church()))', walled);
    END LOOP;
END
$$;
