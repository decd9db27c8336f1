-- Paced senders: when each may send next, so that one statement claims for all that may send now.
-- depends: 0010_schedules_within_bounds

ALTER TABLE senders
    -- Of a sender with a pace: when it has tokens for its next claim. NULL when nothing was due at its last claim.
    -- Replaces ran_dry, which a later release drops.
    ADD COLUMN next_claim_at timestamptz;

UPDATE senders SET next_claim_at = now() WHERE segments_per_second IS NOT NULL AND NOT ran_dry;

CREATE INDEX senders_next_claim ON senders (channel, next_claim_at) WHERE next_claim_at IS NOT NULL AND paused_at IS NULL;
