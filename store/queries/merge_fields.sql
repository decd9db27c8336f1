-- name: lock_fields
-- Those of the names that are fields of the church. They are not deleted before the transaction ends, which stores a text with
-- them: so a deletion afterwards finds it.
SELECT name
FROM contact_fields
WHERE church_id = :church_id AND name = ANY (:field_names::text[])
ORDER BY name
FOR KEY SHARE;

-- name: list_removed_fields
-- The merge fields in the text of a schedule that contacts do not have any more.
SELECT DISTINCT field ->> 'name'
FROM schedules
CROSS JOIN jsonb_array_elements(schedules.merge_fields -> 'fields') AS field
WHERE schedules.church_id = :church_id AND schedules.schedule_id = :schedule_id
  AND field ->> 'name' <> ALL (:built_in_fields::text[])
  AND NOT EXISTS (
      SELECT FROM contact_fields
      WHERE contact_fields.church_id = :church_id AND contact_fields.name = field ->> 'name'
  )
ORDER BY 1;

-- name: longest_values
-- The most characters of these fields among the contacts of a church.
SELECT field, max(length(contact_value(field, name, phone, email, fields)))
FROM unnest(:field_names::text[]) AS field
CROSS JOIN contacts
WHERE contacts.church_id = :church_id
GROUP BY field;
