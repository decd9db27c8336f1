-- name: add_field_names
-- Adds the names that the church does not have yet, and returns how many it has then. The church is locked by the caller, so that
-- concurrent requests do not exceed the limit.
WITH added AS (
    INSERT INTO contact_fields (church_id, name)
    SELECT DISTINCT :church_id::uuid, listed.name
    FROM unnest(:names::text[]) AS listed (name)
    ON CONFLICT (church_id, name) DO NOTHING
    RETURNING name
)
SELECT (SELECT count(*) FROM contact_fields WHERE church_id = :church_id) + (SELECT count(*) FROM added);

-- name: set_contact_fields!
-- Sets the fields of contacts and removes those that are null in the list. The others stay as they are.
UPDATE contacts
SET fields = jsonb_strip_nulls(contacts.fields || listed.fields), updated_at = now()
FROM unnest(:contact_ids::uuid[], :fields::jsonb[]) AS listed (contact_id, fields)
WHERE contacts.contact_id = listed.contact_id AND contacts.church_id = :church_id
  AND contacts.fields IS DISTINCT FROM jsonb_strip_nulls(contacts.fields || listed.fields);

-- name: list_contact_fields
-- Every name, with how many contacts have a value of it. Reads the contacts of the church once.
WITH counted AS (
    SELECT field.name, count(*) AS contacts
    FROM contacts
    CROSS JOIN LATERAL jsonb_object_keys(contacts.fields) AS field (name)
    WHERE contacts.church_id = :church_id
    GROUP BY field.name
)
SELECT contact_fields.name, contact_fields.created_at, coalesce(counted.contacts, 0) AS contacts
FROM contact_fields
LEFT JOIN counted ON counted.name = contact_fields.name
WHERE contact_fields.church_id = :church_id
ORDER BY contact_fields.name;

-- name: list_field_names
SELECT name FROM contact_fields WHERE church_id = :church_id ORDER BY name;

-- name: lock_field_name
-- Waits for texts that are being accepted with the field (lock_fields of merge_fields.sql).
SELECT name FROM contact_fields WHERE church_id = :church_id AND name = :name FOR UPDATE;

-- name: delete_field_name!
DELETE FROM contact_fields WHERE church_id = :church_id AND name = :name;

-- name: delete_field_values
-- Removes the field from all contacts of the church, and counts them.
WITH cleared AS (
    UPDATE contacts
    SET fields = fields - :name::text, updated_at = now()
    WHERE church_id = :church_id AND jsonb_exists(fields, :name::text)
    RETURNING contact_id
)
SELECT count(*) FROM cleared;
