-- Contacts have fields of the church's own choice, and belong to groups.
-- depends: 0018_retention

-- Rather fail, and be run again, than make every writer wait behind a long transaction.
SET lock_timeout = '10s';

ALTER TABLE contacts
    -- The church's own fields of this contact, such as {"campus": "North"}: names of contact_fields, texts as values.
    ADD COLUMN fields     jsonb NOT NULL DEFAULT '{}',
    -- NULL: as it was added.
    ADD COLUMN updated_at timestamptz;

RESET lock_timeout;

-- The names of the fields that contacts of a church may have.
CREATE TABLE contact_fields (
    church_id  uuid NOT NULL REFERENCES churches,
    name       text NOT NULL CHECK (name ~ '^[a-z][A-Za-z0-9]{0,39}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (church_id, name)
);

CREATE TABLE groups (
    group_id   uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id  uuid NOT NULL REFERENCES churches,
    name       text NOT NULL CHECK (name <> ''),
    -- Of a smart group: who belongs to it. NULL: its members are those of group_members.
    condition  jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz
);
CREATE UNIQUE INDEX groups_by_name ON groups (church_id, lower(name));
CREATE INDEX groups_page ON groups (church_id, group_id);

CREATE TABLE group_members (
    group_id   uuid NOT NULL REFERENCES groups ON DELETE CASCADE,
    contact_id uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
    church_id  uuid NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, contact_id)
);
CREATE INDEX group_members_of_contact ON group_members (contact_id);

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['contact_fields', 'groups', 'group_members'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY own_church ON %I USING ((SELECT works_for_the_system()) '
            'OR church_id = (SELECT working_church()))', walled);
    END LOOP;
END
$$;

-- The former release, which runs beside this one during a deploy, knows no groups: it would write to nobody, or to those who are
-- excluded. So a message to groups is expanded only by a transaction that has said that it knows them; for others it fails, and
-- stays for a worker of this release.
CREATE FUNCTION require_knowledge_of_groups() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('koinonia.knows_groups', true), '') <> 'yes' THEN
        RAISE EXCEPTION 'the message % is to groups, which this release does not know', NEW.message_id;
    END IF;
    RETURN NEW;
END
$$;

SET lock_timeout = '10s';

CREATE TRIGGER expanded_with_groups BEFORE UPDATE OF expanded_at ON messages FOR EACH ROW
    WHEN (OLD.expanded_at IS NULL AND NEW.expanded_at IS NOT NULL
          AND (jsonb_exists(NEW.target, 'groupIds') OR jsonb_exists(NEW.target, 'excludeGroupIds')))
    EXECUTE FUNCTION require_knowledge_of_groups();

RESET lock_timeout;
