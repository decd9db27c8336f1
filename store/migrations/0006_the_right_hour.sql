-- Messages that come again by a rule, and hours at which nobody is to be texted.
-- depends: 0005_mail

CREATE TABLE schedules (
    schedule_id     uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id       uuid NOT NULL REFERENCES churches,
    channel         text NOT NULL,
    content         text NOT NULL,
    details         jsonb NOT NULL DEFAULT '{}', -- as of messages
    segments        smallint NOT NULL CHECK (segments > 0),
    target_type     text NOT NULL,
    target          jsonb NOT NULL, -- as of messages
    urgent_reason   text,
    rule_kind       text NOT NULL CHECK (rule_kind IN ('rrule', 'cron')),
    rule            text NOT NULL,
    time_zone       text NOT NULL,
    -- Wall times in that zone: what they stand for may change with the zone's rules.
    starts_at       timestamp NOT NULL,
    ends_at         timestamp,
    -- Later than this after its time a run is not made up for.
    missed_policy   text NOT NULL CHECK (missed_policy IN ('skip', 'runOnce')),
    missed_within_seconds integer NOT NULL CHECK (missed_within_seconds > 0),
    -- The next run that is not in schedule_runs yet; NULL when there is none. The wall time says which it is, the instant
    -- when to look.
    next_run_at     timestamptz,
    next_wall_time  timestamp,
    paused_at       timestamptz,
    paused_reason   text,
    deleted_at      timestamptz,
    idempotency_key text,
    request_hash    bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (church_id, idempotency_key),
    CHECK ((next_run_at IS NULL) = (next_wall_time IS NULL))
);
CREATE INDEX schedules_page ON schedules (church_id, schedule_id);
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE deleted_at IS NULL AND next_run_at IS NOT NULL;

-- What became of every run. That each stands here once is what keeps it from becoming two messages.
CREATE TABLE schedule_runs (
    run_id      uuid PRIMARY KEY DEFAULT uuidv7(),
    schedule_id uuid NOT NULL REFERENCES schedules,
    run_at      timestamptz NOT NULL,
    church_id   uuid NOT NULL,
    -- NULL for a run that a person asked for.
    wall_time   timestamp,
    outcome     text NOT NULL CHECK (outcome IN ('sent', 'missed', 'skipped')),
    reason      text,
    message_id  uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (schedule_id, run_at),
    CHECK ((outcome = 'sent') = (message_id IS NOT NULL))
);
CREATE INDEX schedule_runs_page ON schedule_runs (schedule_id, run_id);

ALTER TABLE messages
    ADD COLUMN schedule_id uuid,
    -- Why it was to go out in quiet hours too.
    ADD COLUMN urgent_reason text CHECK (urgent_reason <> '');

ALTER TABLE churches
    -- Minutes since midnight between which its people may be texted, by their own clocks. 0 to 1440: at any hour.
    ADD COLUMN window_opens smallint NOT NULL DEFAULT 480,
    ADD COLUMN window_closes smallint NOT NULL DEFAULT 1260,
    ADD CHECK (0 <= window_opens AND window_opens < window_closes AND window_closes <= 1440);

ALTER TABLE contacts
    ADD COLUMN time_zone text,
    -- Where the number says that they may be: zones with a space between, '' when it does not say. NULL: not asked yet.
    ADD COLUMN number_zones text;
CREATE INDEX contacts_unplaced ON contacts (contact_id) WHERE number_zones IS NULL AND phone IS NOT NULL;

ALTER TABLE deliveries
    -- The zones by whose clocks it is judged, with a space between. NULL: the church's.
    ADD COLUMN time_zones text;

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['schedules', 'schedule_runs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY own_church ON %I USING ((SELECT works_for_the_system()) '
            'OR church_id = (SELECT working_church()))', walled);
    END LOOP;
END
$$;

-- The earliest instant, from the given one on, at which the clock of the zone is inside the window. The same as
-- messaging/quiet_hours.py, and tested against it.
CREATE FUNCTION window_opening(instant timestamptz, zone text, opens integer, closes integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    candidate timestamptz := instant;
    wall      timestamp;
    seconds   double precision;
    unchanged timestamptz;
    low       double precision;
    high      double precision;
    middle    double precision;
BEGIN
    FOR round IN 1..10 LOOP
        wall := candidate AT TIME ZONE zone;
        seconds := extract(epoch FROM wall::time);
        IF seconds >= opens * 60 AND seconds < closes * 60 THEN
            RETURN candidate;
        END IF;
        -- When it opens if the clock is not changed before.
        seconds := opens * 60 - seconds;
        IF seconds < 0 THEN
            seconds := seconds + 86400;
        END IF;
        unchanged := candidate + seconds * interval '1 second';
        IF (unchanged AT TIME ZONE zone) = wall + seconds * interval '1 second' THEN
            RETURN unchanged;
        END IF;
        -- It is: go on from the minute at which it is changed.
        low := floor(extract(epoch FROM candidate) / 60);
        high := ceil(extract(epoch FROM unchanged) / 60);
        WHILE high - low > 1 LOOP
            middle := floor((low + high) / 2);
            IF extract(epoch FROM (to_timestamp(middle * 60) AT TIME ZONE zone)) - middle * 60
                = extract(epoch FROM wall) - extract(epoch FROM candidate) THEN
                low := middle;
            ELSE
                high := middle;
            END IF;
        END LOOP;
        candidate := to_timestamp(high * 60);
    END LOOP;
    RETURN candidate;
END
$$;

-- NULL when a text may go at the instant, else when it may: the clocks of all its zones, or else of the church's, must be
-- inside the window. Zones that have no hour in common, or that this server does not know, are as none.
CREATE FUNCTION quiet_until(instant timestamptz, zones text, church_zone text, opens integer, closes integer)
RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    listed    text[] := string_to_array(coalesce(nullif(zones, ''), church_zone), ' ');
    candidate timestamptz := instant;
    later     timestamptz;
    zone      text;
BEGIN
    WHILE candidate <= instant + interval '72 hours' LOOP
        later := candidate;
        FOREACH zone IN ARRAY listed LOOP
            later := greatest(later, window_opening(candidate, zone, opens, closes));
        END LOOP;
        IF later = candidate THEN
            RETURN nullif(candidate, instant);
        END IF;
        candidate := later;
    END LOOP;
    RETURN quiet_until(instant, NULL, church_zone, opens, closes);
EXCEPTION WHEN invalid_parameter_value THEN
    IF listed = ARRAY[church_zone] THEN
        RAISE;
    END IF;
    RETURN quiet_until(instant, NULL, church_zone, opens, closes);
END
$$;
