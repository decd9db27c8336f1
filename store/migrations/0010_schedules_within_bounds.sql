-- Where a COUNT ends, and schedules whose evaluation failed.
-- depends: 0009_limits

ALTER TABLE schedules
    -- The last wall time that the rule's COUNT allows. NULL without a COUNT, and for a schedule stored before this
    -- column until it is evaluated.
    ADD COLUMN counted_end        timestamp,
    -- After an evaluation failed: when it is tried again, why (for people), and how often in a row it failed.
    ADD COLUMN delayed_until      timestamptz,
    ADD COLUMN delay_reason       text,
    ADD COLUMN failed_evaluations integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT schedules_delay_has_reason CHECK ((delayed_until IS NULL) = (delay_reason IS NULL));
