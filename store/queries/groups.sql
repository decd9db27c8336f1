-- name: lock_church
-- One change of the definitions of a church's groups at a time: otherwise two groups could come to refer to each other, and
-- concurrent creations could exceed the limit.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: count_groups
SELECT count(*) FROM groups WHERE church_id = :church_id;

-- name: insert_group
-- No row: the church has a group of this name.
INSERT INTO groups (church_id, name, condition)
VALUES (:church_id, :name, :condition)
ON CONFLICT (church_id, lower(name)) DO NOTHING
RETURNING group_id, name, condition, created_at, updated_at;

-- name: find_group_by_name
SELECT group_id, name, condition, created_at, updated_at
FROM groups
WHERE church_id = :church_id AND lower(name) = lower(:name);

-- name: get_group
SELECT group_id, name, condition, created_at, updated_at
FROM groups
WHERE church_id = :church_id AND group_id = :group_id;

-- name: lock_group
-- Waits for messages that are being accepted for the group (lock_known_groups).
SELECT group_id, name, condition, created_at, updated_at
FROM groups
WHERE church_id = :church_id AND group_id = :group_id
FOR UPDATE;

-- name: lock_known_groups
-- Those of the ids that are groups of the church. They are not deleted before the transaction ends, which stores what refers to
-- them: so a deletion afterwards finds it.
SELECT group_id, condition
FROM groups
WHERE church_id = :church_id AND group_id = ANY (:group_ids::uuid[])
ORDER BY group_id
FOR KEY SHARE;

-- name: find_known_groups
-- The same without a lock, for a transaction that only reads.
SELECT group_id
FROM groups
WHERE church_id = :church_id AND group_id = ANY (:group_ids::uuid[]);

-- name: page_groups
-- `after` always bounds the index scan.
SELECT group_id, name, condition, created_at, updated_at
FROM groups
WHERE church_id = :church_id AND group_id > :after
ORDER BY group_id
LIMIT :row_limit;

-- name: count_members
-- Of groups that are not smart, one index range each.
SELECT listed.group_id, members.counted
FROM unnest(:group_ids::uuid[]) AS listed (group_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS counted FROM group_members WHERE group_members.group_id = listed.group_id
) AS members;

-- name: change_group!
UPDATE groups
SET name = :name, condition = :condition, updated_at = now()
WHERE church_id = :church_id AND group_id = :group_id;

-- name: delete_group!
DELETE FROM groups WHERE church_id = :church_id AND group_id = :group_id;

-- name: add_members
-- Adds contacts of the church, and counts those that were not in the group before. Ids that belong to no contact are left out:
-- the caller refuses them before.
WITH added AS (
    INSERT INTO group_members (group_id, contact_id, church_id)
    SELECT DISTINCT :group_id::uuid, contacts.contact_id, contacts.church_id
    FROM unnest(:contact_ids::uuid[]) AS listed (contact_id)
    JOIN contacts ON contacts.contact_id = listed.contact_id AND contacts.church_id = :church_id
    ORDER BY contacts.contact_id -- so that two requests do not wait for each other
    ON CONFLICT (group_id, contact_id) DO NOTHING
    RETURNING contact_id
)
SELECT count(*) FROM added;

-- name: remove_members
WITH removed AS (
    DELETE FROM group_members
    WHERE group_id = :group_id AND church_id = :church_id AND contact_id = ANY (:contact_ids::uuid[])
    RETURNING contact_id
)
SELECT count(*) FROM removed;

-- name: list_groups_of_contact
SELECT groups.group_id, groups.name, groups.condition, groups.created_at, groups.updated_at
FROM group_members
JOIN groups ON groups.group_id = group_members.group_id
WHERE group_members.contact_id = :contact_id AND groups.church_id = :church_id
ORDER BY groups.group_id;

-- name: list_target_groups
-- The groups to which the targets of messages refer. A group that does not exist has no `exists`.
SELECT messages.message_id, messages.church_id, listed.group_id::uuid AS group_id,
       groups.group_id IS NOT NULL AS exists, groups.condition IS NOT NULL AS is_smart
FROM messages
CROSS JOIN LATERAL jsonb_array_elements_text(
    coalesce(messages.target -> 'groupIds', '[]') || coalesce(messages.target -> 'excludeGroupIds', '[]')
) AS listed (group_id)
LEFT JOIN groups ON groups.group_id = listed.group_id::uuid AND groups.church_id = messages.church_id
WHERE messages.message_id = ANY (:message_ids::uuid[]);
