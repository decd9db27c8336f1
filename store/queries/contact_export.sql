-- name: page_exported_contacts
-- `after` always bounds the index scan, also in a generic plan. Of a group, each contact is looked up in it.
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields,
       opt_outs.opted_out_at, mail_opt_outs.opted_out_at AS mail_opted_out_at
FROM contacts
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
LEFT JOIN opt_outs AS mail_opt_outs
    ON mail_opt_outs.church_id = contacts.church_id AND mail_opt_outs.address = contacts.email
WHERE contacts.church_id = :church_id
  AND contacts.contact_id > :after
  AND (:group_id::uuid IS NULL OR EXISTS (
      SELECT FROM group_members
      WHERE group_members.group_id = :group_id::uuid AND group_members.contact_id = contacts.contact_id
  ))
ORDER BY contacts.contact_id
LIMIT :row_limit;

-- name: get_exported_contacts
SELECT contacts.contact_id, contacts.name, contacts.phone, contacts.email, contacts.time_zone, contacts.fields,
       opt_outs.opted_out_at, mail_opt_outs.opted_out_at AS mail_opted_out_at
FROM contacts
LEFT JOIN opt_outs ON opt_outs.church_id = contacts.church_id AND opt_outs.address = contacts.phone
LEFT JOIN opt_outs AS mail_opt_outs
    ON mail_opt_outs.church_id = contacts.church_id AND mail_opt_outs.address = contacts.email
WHERE contacts.church_id = :church_id AND contacts.contact_id = ANY (:contact_ids::uuid[])
ORDER BY contacts.contact_id;
