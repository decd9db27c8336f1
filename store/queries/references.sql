-- name: find_references_of_group
-- What refers to a group so that it cannot be deleted: messages whose audience is not fixed yet, schedules, smart groups.
(
    SELECT 'message' AS kind, message_id AS reference_id
    FROM messages
    WHERE church_id = :church_id AND completed_at IS NULL AND expanded_at IS NULL AND canceled_at IS NULL
      AND (jsonb_exists(target -> 'groupIds', :group_id::text) OR jsonb_exists(target -> 'excludeGroupIds', :group_id::text))
    ORDER BY message_id
    LIMIT :row_limit
)
UNION ALL
(
    SELECT 'schedule', schedule_id
    FROM schedules
    WHERE church_id = :church_id AND deleted_at IS NULL
      AND (jsonb_exists(target -> 'groupIds', :group_id::text) OR jsonb_exists(target -> 'excludeGroupIds', :group_id::text))
    ORDER BY schedule_id
    LIMIT :row_limit
)
UNION ALL
(
    SELECT 'group', group_id
    FROM groups
    WHERE church_id = :church_id
      AND jsonb_path_exists(condition, 'strict $.**.inGroup ? (@ == $id)', jsonb_build_object('id', :group_id::text))
    ORDER BY group_id
    LIMIT :row_limit
);

-- name: find_references_of_field
-- What needs a field of contacts so that it cannot be deleted: the texts of messages whose deliveries are not written yet, and of
-- schedules; the conditions of smart groups.
(
    SELECT 'message' AS kind, message_id AS reference_id
    FROM messages
    WHERE church_id = :church_id AND completed_at IS NULL AND expanded_at IS NULL AND canceled_at IS NULL
      AND merge_fields -> 'fields' @> jsonb_build_array(jsonb_build_object('name', :name::text))
    ORDER BY message_id
    LIMIT :row_limit
)
UNION ALL
(
    SELECT 'schedule', schedule_id
    FROM schedules
    WHERE church_id = :church_id AND deleted_at IS NULL
      AND merge_fields -> 'fields' @> jsonb_build_array(jsonb_build_object('name', :name::text))
    ORDER BY schedule_id
    LIMIT :row_limit
)
UNION ALL
(
    SELECT 'group', group_id
    FROM groups
    WHERE church_id = :church_id
      AND jsonb_path_exists(condition, 'strict $.**.field ? (@ == $name)', jsonb_build_object('name', :name::text))
    ORDER BY group_id
    LIMIT :row_limit
);

-- name: find_templates_with_word
-- The templates in whose texts a word is: of these few, messaging/merge_fields.py reads which fields they have.
SELECT template_id, content, details
FROM templates
WHERE church_id = :church_id AND (strpos(content, :name) > 0 OR strpos(details::text, :name) > 0)
ORDER BY template_id;
