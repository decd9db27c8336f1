-- A paced sender with nothing left to send gathers no tokens, so that it never begins with a burst.
-- depends: 0003_never_lost

ALTER TABLE senders
    ADD COLUMN ran_dry boolean NOT NULL DEFAULT true;
