-- What a church may send in a day, and where to.
-- depends: 0008_keys_consent_sessions

ALTER TABLE churches
    -- Segments that it may send on one of its own days. NULL: as the setting says.
    ADD COLUMN daily_segment_limit bigint CHECK (daily_segment_limit >= 0),
    -- ISO 3166 codes of the regions whose numbers it may text. NULL: as the setting says.
    ADD COLUMN regions text[] CHECK (cardinality(regions) > 0);

-- Segments that were sent or promised, by the church's own day on which their message is due.
CREATE TABLE daily_segments (
    church_id uuid NOT NULL REFERENCES churches,
    day       date NOT NULL,
    segments  bigint NOT NULL,
    PRIMARY KEY (church_id, day)
) WITH (fillfactor = 50); -- every message updates its church's row: leave room to do it in place
ALTER TABLE daily_segments ENABLE ROW LEVEL SECURITY;
ALTER TABLE daily_segments FORCE ROW LEVEL SECURITY;
CREATE POLICY own_church ON daily_segments USING ((SELECT works_for_the_system())
OR church_id = (SELECT working_church()));

ALTER TABLE messages
    -- What of daily_segments is this message's, and on which day it was counted. NULL: it is not counted yet.
    ADD COLUMN counted_on date,
    ADD COLUMN counted_segments bigint NOT NULL DEFAULT 0;

ALTER TABLE contacts
    -- The ISO 3166 code of the phone's region; '' when numbers of its kind are never texted. NULL: not judged yet.
    ADD COLUMN number_region text;
-- Contacts of before are judged in the background, and those of a church before it texts them. Then the index is empty.
DROP INDEX contacts_unplaced;
CREATE INDEX contacts_unplaced ON contacts (church_id, contact_id)
    WHERE (number_zones IS NULL OR number_region IS NULL) AND phone IS NOT NULL;
