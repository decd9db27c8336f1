-- What is in doubt is settled with the carrier, what is refused for now is tried again, and people may pause,
-- cancel and retry.
-- depends: 0002_church_walls

ALTER TABLE messages
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN canceled_at timestamptz,
    -- Every delivery has its end, or the carrier is no longer asked for it.
    ADD COLUMN settled_at timestamptz;
DROP INDEX messages_to_expand;
CREATE INDEX messages_to_expand ON messages (send_at) WHERE expanded_at IS NULL AND canceled_at IS NULL;
CREATE INDEX messages_unsettled ON messages (completed_at) WHERE completed_at IS NOT NULL AND settled_at IS NULL;

ALTER TABLE senders
    -- The carrier said "too many requests": nothing is claimed until then; a row of such answers doubles the pause.
    ADD COLUMN slowed_until timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN slowdowns smallint NOT NULL DEFAULT 0;

ALTER TABLE deliveries
    -- Transient refusals so far; `attempts` counts claims, of which some end without a word from the carrier.
    ADD COLUMN tries smallint NOT NULL DEFAULT 0,
    -- How often the carrier's list was read without finding a delivery that is in doubt.
    ADD COLUMN missed_reads smallint NOT NULL DEFAULT 0;
-- `due_at` is when a delivery is to be looked at next: queued, to be sent; unknown, to be looked for at the carrier; sent, to
-- be asked after. What is paused is due at infinity.
CREATE INDEX deliveries_doubtful ON deliveries (due_at) WHERE status = 'unknown';

-- Callbacks that were not signed by the carrier.
CREATE TABLE refused_callbacks (
    day     date NOT NULL,
    channel text NOT NULL,
    refused bigint NOT NULL,
    PRIMARY KEY (day, channel)
);
ALTER TABLE refused_callbacks ENABLE ROW LEVEL SECURITY;
ALTER TABLE refused_callbacks FORCE ROW LEVEL SECURITY;
CREATE POLICY system_only ON refused_callbacks USING ((SELECT works_for_the_system()));
