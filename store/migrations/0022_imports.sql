-- Files of contacts that are imported, what became of each row, and what is needed to undo it.
-- depends: 0021_direct_texts

CREATE TABLE imports (
    import_id       uuid PRIMARY KEY DEFAULT uuidv7(),
    church_id       uuid NOT NULL REFERENCES churches,
    file_name       text NOT NULL,
    format          text NOT NULL CHECK (format IN ('csv', 'xlsx')),
    encoding        text,
    delimiter       text,
    sheet           text,
    status          text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'finished', 'canceled', 'undoing', 'undone')),
    -- Rows of the file that are not blank, with the header and what stands above it.
    file_rows       integer NOT NULL,
    parts           integer NOT NULL,
    -- How many of the rows come before the people: the header, and what stands above it.
    skipped_rows    integer NOT NULL,
    -- The line of the header; NULL: there is none.
    header_line     integer,
    columns         jsonb NOT NULL,
    existing_policy text NOT NULL DEFAULT 'keep' CHECK (existing_policy IN ('keep', 'replace')),
    -- Without a foreign key: a group that is deleted meanwhile gets nobody.
    group_id        uuid,
    -- The name of a group that is made, or found, when the import is started.
    group_name      text,
    -- The next part to be taken: all rows before it are settled.
    next_part       integer NOT NULL DEFAULT 0,
    created         integer NOT NULL DEFAULT 0,
    updated         integer NOT NULL DEFAULT 0,
    unchanged       integer NOT NULL DEFAULT 0,
    refused         integer NOT NULL DEFAULT 0,
    -- Rows whose person was erased after the file was uploaded.
    erased          integer NOT NULL DEFAULT 0,
    grouped         integer NOT NULL DEFAULT 0,
    opted_out       integer NOT NULL DEFAULT 0,
    -- Of the undoing: contacts that were deleted, restored, and left because they were changed since.
    removed         integer NOT NULL DEFAULT 0,
    restored        integer NOT NULL DEFAULT 0,
    kept            integer NOT NULL DEFAULT 0,
    -- The worker that has it, and until when. NULL: none.
    lease_id        uuid,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    -- Who started it: the kind and the name of an actor of the audit.
    started_by_kind text,
    started_by_name text,
    finished_at     timestamptz,
    undone_at       timestamptz,
    -- When its rows were deleted: it can no longer be undone.
    expired_at      timestamptz
) WITH (fillfactor = 50); -- each part updates it
CREATE INDEX imports_page ON imports (church_id, import_id);
CREATE INDEX imports_due ON imports (import_id) WHERE status IN ('running', 'undoing');
CREATE INDEX imports_pending ON imports (created_at) WHERE status = 'pending';
CREATE INDEX imports_to_expire ON imports (finished_at) WHERE expired_at IS NULL AND finished_at IS NOT NULL;

-- The rows of a file, a thousand in a part: compressed JSON [[line, [cell, ...]], ...]. Deleted when all are taken.
CREATE TABLE import_parts (
    import_id uuid NOT NULL REFERENCES imports ON DELETE CASCADE,
    part      integer NOT NULL,
    church_id uuid NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (import_id, part)
);
-- They are compressed already.
ALTER TABLE import_parts ALTER COLUMN content SET STORAGE EXTERNAL;

-- What became of the rows that changed something, were refused, or have a remark.
CREATE TABLE import_rows (
    import_id   uuid NOT NULL REFERENCES imports ON DELETE CASCADE,
    row_number  integer NOT NULL,
    church_id   uuid NOT NULL,
    line        integer NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('created', 'updated', 'unchanged', 'refused')),
    contact_id  uuid,
    -- Of an updated contact, what it was before.
    before      jsonb,
    -- What the contact was after this row (contact_digest): another digest means that it was changed since.
    after       text,
    -- Whether this row added the contact to the group.
    grouped     boolean NOT NULL DEFAULT false,
    -- Why the row was refused, or what is noted about it: of which column, and the cell.
    reason      text,
    column_name text,
    value       text,
    undone      text CHECK (undone IN ('removed', 'restored', 'ungrouped', 'kept', 'gone')),
    PRIMARY KEY (import_id, row_number)
);
CREATE INDEX import_rows_of_contact ON import_rows (church_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX import_rows_with_value ON import_rows (church_id) WHERE value IS NOT NULL;

-- Tells whether a contact is as an import left it, whoever changed it and however.
CREATE FUNCTION contact_digest(name text, phone text, email text, time_zone text, fields jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(jsonb_build_array(name, phone, email, time_zone, fields)::text);

DO $$
DECLARE
    walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['imports', 'import_parts', 'import_rows'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY own_church ON %I USING ((SELECT works_for_the_system()) '
            'OR church_id = (SELECT working_church()))', walled);
    END LOOP;
END
$$;
