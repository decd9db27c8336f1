-- name: search_contacts
-- The contacts of the church whose name, mail address and number together contain every pattern, without regard to case and
-- accents. The contacts of the church are read in the order of the page, so the cost depends on its size alone. A name of ASCII
-- has no accents, and is not searched for them.
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields,
       contacts.created_at, contacts.updated_at, opt_outs.opted_out_at, mail_opt_outs.opted_out_at AS mail_opted_out_at
FROM (
    SELECT contact_id, church_id, name, phone, email, time_zone, fields, created_at, updated_at
    FROM contacts
    WHERE church_id = :church_id AND contact_id > :after
      AND CASE
          WHEN octet_length(name) = char_length(name)
              THEN casefold(concat_ws(' ', name, email, phone) COLLATE pg_unicode_fast)
          ELSE casefold(
              concat_ws(' ', regexp_replace(normalize(name, NFD), '[\u0300-\u036f]', '', 'g'), email, phone)
              COLLATE pg_unicode_fast
          )
      END LIKE ALL (:patterns::text[])
      AND (:group_id::uuid IS NULL OR (
          SELECT group_members.contact_id
          FROM group_members
          WHERE group_members.group_id = :group_id::uuid AND group_members.contact_id = contacts.contact_id
      ) IS NOT NULL)
      AND (:members::uuid[] IS NULL OR contact_id IN (SELECT unnest(:members::uuid[])))
    ORDER BY contact_id
    LIMIT :row_limit
) AS contacts
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
LEFT JOIN opt_outs AS mail_opt_outs
    ON mail_opt_outs.church_id = contacts.church_id AND mail_opt_outs.address = contacts.email
ORDER BY contacts.contact_id;
