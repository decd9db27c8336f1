-- A paced sender with nothing left to send gathers no tokens, so that it never begins with a burst; and a claim writes fewer
-- index entries.
-- depends: 0003_never_lost

ALTER TABLE senders
    ADD COLUMN ran_dry boolean NOT NULL DEFAULT true;

-- Whether a message has anything left to submit is looked up in two indexes, so that no delivery stands in more than one.
DROP INDEX deliveries_open;
DROP INDEX deliveries_leased;
CREATE INDEX deliveries_queued ON deliveries (message_id) WHERE status = 'queued';
CREATE INDEX deliveries_leased ON deliveries (message_id, lease_until) WHERE status = 'sending';
