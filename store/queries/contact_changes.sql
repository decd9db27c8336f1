-- name: lock_contact
SELECT contact_id, name, phone, email, time_zone, fields
FROM contacts
WHERE church_id = :church_id AND contact_id = :contact_id
FOR UPDATE;

-- name: find_same_person
-- Another contact that is the same person as this one would be: the same number and name, or, without a number, the same mail
-- address and name (add_by_phone, add_by_email). The church is locked, so that none is added meanwhile.
(
    SELECT contact_id
    FROM contacts
    WHERE church_id = :church_id AND phone = :phone::text AND lower(name) = lower(:name) AND contact_id <> :contact_id
    LIMIT 1
)
UNION ALL
(
    SELECT contact_id
    FROM contacts
    WHERE church_id = :church_id AND :phone::text IS NULL AND email = :email::text AND lower(name) = lower(:name)
      AND contact_id <> :contact_id
    LIMIT 1
)
LIMIT 1;

-- name: change_contact!
UPDATE contacts
SET name = :name, phone = :phone, email = :email, time_zone = :time_zone, number_zones = :number_zones,
    number_region = :number_region, updated_at = now()
WHERE church_id = :church_id AND contact_id = :contact_id;

-- name: clear_contact_fields!
UPDATE contacts
SET fields = '{}', updated_at = now()
WHERE church_id = :church_id AND contact_id = :contact_id AND fields <> '{}';

-- name: delete_contacts
WITH deleted AS (
    DELETE FROM contacts
    WHERE church_id = :church_id AND contact_id = ANY (:contact_ids::uuid[])
    RETURNING contact_id
)
SELECT count(*) FROM deleted;
