-- name: take_people
-- Stores the people of a part, those who are new and those who exist, and records what it did. Returns the rows that it took.
-- Rows about the same person are taken one after the other, so the later ones are left for the next call: those with the name
-- and an address of an earlier row, and those that match the contact of an earlier row.
-- A person is matched by number and name; otherwise by mail address and name, with a contact that has no number, or, if the row
-- has none, with any contact.
WITH input AS MATERIALIZED (
    SELECT listed.*,
           (phone IS NULL OR row_number() OVER (PARTITION BY lower(name), phone ORDER BY row_number) = 1)
           AND (email IS NULL OR row_number() OVER (PARTITION BY lower(name), email ORDER BY row_number) = 1) AS is_first
    FROM unnest(
        :row_numbers::int[], :lines::int[], :names::text[], :phones::text[], :emails::text[], :regions::text[],
        :number_zones::text[], :time_zones::text[], :fields::jsonb[], :reasons::text[], :column_names::text[], :values::text[]
    ) AS listed (
        row_number, line, name, phone, email, region, number_zones, time_zone, fields, reason, column_name, value
    )
), matched AS MATERIALIZED (
    SELECT input.*, coalesce(by_phone.contact_id, by_email.contact_id) AS contact_id,
           row_number() OVER (
               PARTITION BY coalesce(by_phone.contact_id, by_email.contact_id) ORDER BY input.row_number
           ) AS place
    FROM input
    LEFT JOIN LATERAL (
        SELECT contacts.contact_id
        FROM contacts
        WHERE contacts.church_id = :church_id AND contacts.phone = input.phone AND lower(contacts.name) = lower(input.name)
    ) AS by_phone ON true
    LEFT JOIN LATERAL (
        SELECT contacts.contact_id
        FROM contacts
        WHERE contacts.church_id = :church_id AND contacts.email = input.email AND lower(contacts.name) = lower(input.name)
          AND (input.phone IS NULL OR contacts.phone IS NULL)
        ORDER BY contacts.contact_id
        LIMIT 1
    ) AS by_email ON by_phone.contact_id IS NULL
    WHERE input.is_first
), former AS MATERIALIZED (
    SELECT matched.row_number, contacts.*,
           CASE WHEN :replaces THEN matched.name ELSE contacts.name END AS new_name,
           coalesce(contacts.phone, matched.phone) AS new_phone,
           CASE WHEN :replaces THEN coalesce(matched.email, contacts.email)
                ELSE coalesce(contacts.email, matched.email) END AS new_email,
           CASE WHEN :replaces THEN coalesce(matched.time_zone, contacts.time_zone)
                ELSE coalesce(contacts.time_zone, matched.time_zone) END AS new_time_zone,
           CASE WHEN :replaces THEN contacts.fields || matched.fields ELSE matched.fields || contacts.fields END AS new_fields,
           CASE WHEN matched.phone IS NULL THEN contacts.number_region ELSE matched.region END AS new_region,
           CASE WHEN matched.phone IS NULL THEN contacts.number_zones ELSE matched.number_zones END AS new_zones
    FROM matched
    JOIN contacts ON contacts.contact_id = matched.contact_id
    WHERE matched.place = 1
    ORDER BY contacts.contact_id
    FOR NO KEY UPDATE OF contacts
), updated AS (
    UPDATE contacts
    SET name = former.new_name, phone = former.new_phone, email = former.new_email, time_zone = former.new_time_zone,
        fields = former.new_fields, number_region = former.new_region, number_zones = former.new_zones, updated_at = now()
    FROM former
    WHERE contacts.contact_id = former.contact_id
      AND (former.new_name, former.new_phone, former.new_email, former.new_time_zone, former.new_fields)
          IS DISTINCT FROM (former.name, former.phone, former.email, former.time_zone, former.fields)
    RETURNING former.row_number, contacts.contact_id,
              contact_digest(contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields) AS after,
              jsonb_build_object(
                  'name', former.name, 'phone', former.phone, 'email', former.email, 'timeZone', former.time_zone,
                  'fields', former.fields, 'region', former.number_region, 'zones', former.number_zones,
                  'updatedAt', former.updated_at
              ) AS before
), fresh AS MATERIALIZED (
    SELECT matched.*, uuidv7() AS new_id
    FROM matched
    WHERE matched.contact_id IS NULL
), inserted AS (
    INSERT INTO contacts (contact_id, church_id, name, phone, email, time_zone, fields, number_region, number_zones)
    SELECT new_id, :church_id, name, phone, email, time_zone, fields, region, number_zones
    FROM fresh
    ORDER BY row_number
    RETURNING contact_id, contact_digest(name, phone, email, time_zone, fields) AS after
), taken AS MATERIALIZED (
    SELECT fresh.row_number, 'created' AS outcome, inserted.contact_id, NULL::jsonb AS before, inserted.after
    FROM fresh
    JOIN inserted ON inserted.contact_id = fresh.new_id
    UNION ALL
    SELECT former.row_number, CASE WHEN updated.contact_id IS NULL THEN 'unchanged' ELSE 'updated' END, former.contact_id,
           updated.before, updated.after
    FROM former
    LEFT JOIN updated ON updated.row_number = former.row_number
), joined AS (
    INSERT INTO group_members (group_id, contact_id, church_id)
    SELECT groups.group_id, taken.contact_id, :church_id
    FROM taken
    JOIN groups ON groups.group_id = :group_id AND groups.church_id = :church_id AND groups.condition IS NULL
    ON CONFLICT DO NOTHING
    RETURNING contact_id
), recorded AS (
    INSERT INTO import_rows (
        import_id, row_number, church_id, line, outcome, contact_id, before, after, grouped, reason, column_name, value
    )
    SELECT :import_id, input.row_number, :church_id, input.line, taken.outcome, taken.contact_id, taken.before, taken.after,
           joined.contact_id IS NOT NULL, input.reason, input.column_name, input.value
    FROM taken
    JOIN input ON input.row_number = taken.row_number
    LEFT JOIN joined ON joined.contact_id = taken.contact_id
    WHERE taken.outcome <> 'unchanged' OR joined.contact_id IS NOT NULL OR input.reason IS NOT NULL
)
SELECT taken.row_number, taken.outcome, joined.contact_id IS NOT NULL AS grouped
FROM taken
LEFT JOIN joined ON joined.contact_id = taken.contact_id;

-- name: record_refused!
INSERT INTO import_rows (import_id, row_number, church_id, line, outcome, reason, column_name, value)
SELECT :import_id, listed.row_number, :church_id, listed.line, 'refused', listed.reason, listed.column_name, listed.value
FROM unnest(:row_numbers::int[], :lines::int[], :reasons::text[], :column_names::text[], :values::text[])
    AS listed (row_number, line, reason, column_name, value);

-- name: undo_rows
-- Undoes the last rows that are not undone yet, of each contact the last one only: the one before comes with the next call.
-- A contact is deleted or restored only if it is as the import left it. One that was created is also kept if somebody has added
-- it to another group since, and one that would meet another contact of the same person is kept as it is.
-- Returns how many were removed, restored and kept, and how many rows were seen; none: all are undone.
WITH slice AS MATERIALIZED (
    SELECT row_number, outcome, contact_id, before, after, grouped
    FROM import_rows
    WHERE import_id = :import_id AND undone IS NULL AND contact_id IS NOT NULL
    ORDER BY row_number DESC
    LIMIT :row_limit
), latest AS MATERIALIZED (
    SELECT DISTINCT ON (contact_id) row_number, outcome, contact_id, before, after, grouped
    FROM slice
    ORDER BY contact_id, row_number DESC
), present AS MATERIALIZED (
    SELECT latest.*, contact_digest(contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields) AS now_is
    FROM latest
    JOIN contacts ON contacts.contact_id = latest.contact_id AND contacts.church_id = :church_id
    ORDER BY contacts.contact_id
    FOR UPDATE OF contacts
), judged AS MATERIALIZED (
    SELECT latest.row_number, latest.contact_id, latest.before, latest.grouped,
           CASE
               WHEN present.contact_id IS NULL THEN 'gone'
               WHEN latest.outcome = 'unchanged' THEN 'ungrouped'
               WHEN present.now_is IS DISTINCT FROM latest.after THEN 'kept'
               WHEN latest.outcome = 'created' AND EXISTS (
                   SELECT FROM group_members
                   WHERE group_members.contact_id = latest.contact_id
                     AND group_members.group_id IS DISTINCT FROM :group_id::uuid
               ) THEN 'kept'
               WHEN latest.outcome = 'created' THEN 'removed'
               WHEN latest.before ->> 'phone' IS NULL AND EXISTS (
                   SELECT FROM contacts AS others
                   WHERE others.church_id = :church_id AND others.phone IS NULL
                     AND others.email = latest.before ->> 'email' AND lower(others.name) = lower(latest.before ->> 'name')
                     AND others.contact_id <> latest.contact_id
               ) THEN 'kept'
               ELSE 'restored'
           END AS undone
    FROM latest
    LEFT JOIN present ON present.contact_id = latest.contact_id
), removed AS (
    DELETE FROM contacts
    USING judged
    WHERE contacts.contact_id = judged.contact_id AND judged.undone = 'removed' AND contacts.church_id = :church_id
    RETURNING contacts.contact_id
), restored AS (
    UPDATE contacts
    SET name = judged.before ->> 'name', phone = judged.before ->> 'phone', email = judged.before ->> 'email',
        time_zone = judged.before ->> 'timeZone', fields = judged.before -> 'fields',
        number_region = judged.before ->> 'region', number_zones = judged.before ->> 'zones',
        updated_at = (judged.before ->> 'updatedAt')::timestamptz
    FROM judged
    WHERE contacts.contact_id = judged.contact_id AND judged.undone = 'restored' AND contacts.church_id = :church_id
    RETURNING contacts.contact_id
), ungrouped AS (
    DELETE FROM group_members
    USING judged
    WHERE group_members.group_id = :group_id AND group_members.contact_id = judged.contact_id AND judged.grouped
      AND judged.undone IN ('restored', 'ungrouped', 'kept')
    RETURNING group_members.contact_id
), marked AS (
    UPDATE import_rows
    SET undone = judged.undone
    FROM judged
    WHERE import_rows.import_id = :import_id AND import_rows.row_number = judged.row_number
    RETURNING import_rows.undone
)
SELECT count(*) FILTER (WHERE undone = 'removed') AS removed, count(*) FILTER (WHERE undone = 'restored') AS restored,
       count(*) FILTER (WHERE undone = 'kept') AS kept, count(*) AS rows
FROM marked;

-- name: page_reported_rows
-- What the report lists: rows that were refused, have a remark, or could not be undone.
SELECT row_number, line, outcome, column_name, value, reason, undone
FROM import_rows
WHERE import_id = :import_id AND church_id = :church_id AND row_number > :after
  AND (reason IS NOT NULL OR undone = 'kept')
ORDER BY row_number
LIMIT :row_limit;
