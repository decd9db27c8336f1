-- The CTE `audience` (message_id, contact_id, address, zones, region): who is in the targets of `message` (message_id, church_id,
-- target_type, target), a CTE that the query has before. Somebody who is in several of the groups is in it once.
-- The parameter address_kind selects the address of a contact. smart_group_ids and smart_members are the smart groups with their
-- members, for each group an array in its text form (store/audiences.py).
target_groups AS (
    SELECT message.message_id, message.church_id, listed.group_id::uuid AS group_id, listed.is_excluded
    FROM message
    CROSS JOIN LATERAL (
        SELECT included.group_id, false AS is_excluded
        FROM jsonb_array_elements_text(message.target -> 'groupIds') AS included (group_id)
        UNION ALL
        SELECT excluded.group_id, true
        FROM jsonb_array_elements_text(message.target -> 'excludeGroupIds') AS excluded (group_id)
    ) AS listed
), members AS (
    -- Grouped, which takes the same time for each row whatever the planner expects of the sizes.
    SELECT message_id, contact_id
    FROM (
        SELECT target_groups.message_id, group_member.contact_id, target_groups.is_excluded
        FROM target_groups
        CROSS JOIN LATERAL (
            SELECT group_members.contact_id
            FROM group_members
            WHERE group_members.group_id = target_groups.group_id AND group_members.church_id = target_groups.church_id
            OFFSET 0 -- read group by group: otherwise the planner may read the members of all groups of all churches
        ) AS group_member
        UNION ALL
        SELECT target_groups.message_id, smart_member.contact_id, target_groups.is_excluded
        FROM target_groups
        JOIN unnest(:smart_group_ids::uuid[], :smart_members::text[]) AS smart_group (group_id, contact_ids) USING (group_id)
        CROSS JOIN LATERAL unnest(smart_group.contact_ids::uuid[]) AS smart_member (contact_id)
        UNION ALL
        SELECT message.message_id, contacts.contact_id, false
        FROM message
        JOIN contacts ON contacts.church_id = message.church_id
        WHERE message.target_type = 'all' AND message.target -> 'excludeGroupIds' IS NOT NULL
    ) AS mentioned
    GROUP BY message_id, contact_id
    HAVING NOT bool_or(is_excluded)
), listed_contacts AS (
    SELECT message.message_id, message.church_id, listed.contact_id::uuid AS contact_id
    FROM message
    CROSS JOIN LATERAL jsonb_array_elements_text(message.target -> 'contactIds') AS listed (contact_id)
    WHERE message.target_type = 'contacts'
    UNION ALL
    SELECT members.message_id, message.church_id, members.contact_id
    FROM members
    JOIN message USING (message_id)
), audience AS (
    SELECT message.message_id,
           contacts.contact_id,
           CASE :address_kind::text WHEN 'phone' THEN contacts.phone WHEN 'email' THEN contacts.email END AS address,
           coalesce(contacts.time_zone, contacts.number_zones, '') AS zones,
           contacts.number_region AS region
    FROM message
    JOIN contacts ON contacts.church_id = message.church_id
    WHERE message.target_type = 'all' AND message.target -> 'excludeGroupIds' IS NULL
    UNION ALL
    SELECT listed_contacts.message_id,
           listed_contacts.contact_id,
           CASE :address_kind::text WHEN 'phone' THEN contact.phone WHEN 'email' THEN contact.email END,
           coalesce(contact.time_zone, contact.number_zones, ''),
           contact.number_region
    FROM listed_contacts
    LEFT JOIN LATERAL (
        SELECT contacts.phone, contacts.email, contacts.time_zone, contacts.number_zones, contacts.number_region
        FROM contacts
        WHERE contacts.church_id = listed_contacts.church_id AND contacts.contact_id = listed_contacts.contact_id
        LIMIT 1 -- looked up one by one: otherwise the planner may read all contacts of all churches
    ) AS contact ON true
    UNION ALL
    SELECT message.message_id, NULL, listed.address, coalesce(listed.zones, ''), listed.region
    FROM message
    CROSS JOIN LATERAL ROWS FROM (
        jsonb_array_elements_text(coalesce(message.target -> 'phoneNumbers', message.target -> 'emailAddresses')),
        jsonb_array_elements_text(coalesce(message.target -> 'numberZones', '[]')),
        jsonb_array_elements_text(coalesce(message.target -> 'numberRegions', '[]'))
    ) AS listed (address, zones, region)
    WHERE message.target_type IN ('numbers', 'addresses')
),
