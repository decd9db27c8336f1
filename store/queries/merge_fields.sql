-- name: list_contact_fields
SELECT name FROM contact_fields WHERE church_id = :church_id ORDER BY name;
