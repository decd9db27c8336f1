-- Churches that an operator has suspended, and the carrier's code of a refusal.
-- depends: 0015_operators

ALTER TABLE churches
    -- Since when nothing is sent for it, and why. The reason is for operators.
    ADD COLUMN suspended_at     timestamptz,
    ADD COLUMN suspended_reason text,
    ADD CONSTRAINT churches_suspension_has_reason CHECK ((suspended_at IS NULL) = (suspended_reason IS NULL));

ALTER TABLE senders
    -- Whether its church is suspended: a copy of churches.suspended_at IS NOT NULL, so that a claim, which reads the sender
    -- anyway, costs nothing more. A pause by the carrier's refusal is independent of it: lifting one leaves the other.
    ADD COLUMN church_suspended boolean NOT NULL DEFAULT false,
    -- Of a refusal: the carrier's error code.
    ADD COLUMN paused_code      text;
