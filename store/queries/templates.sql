-- name: lock_church
-- One new template of a church at a time: concurrent requests would otherwise exceed the limit together.
SELECT FROM churches WHERE church_id = :church_id FOR NO KEY UPDATE;

-- name: count_templates
SELECT count(*) FROM templates WHERE church_id = :church_id;

-- name: insert_template
-- No row: the church has a template of this name.
INSERT INTO templates (church_id, name, channel, content, details)
VALUES (:church_id, :name, :channel, :content, :details)
ON CONFLICT (church_id, lower(name)) DO NOTHING
RETURNING template_id, name, channel, content, details, created_at, updated_at;

-- name: find_template_by_name
SELECT template_id, name, channel, content, details, created_at, updated_at
FROM templates
WHERE church_id = :church_id AND lower(name) = lower(:name);

-- name: get_template
SELECT template_id, name, channel, content, details, created_at, updated_at
FROM templates
WHERE church_id = :church_id AND template_id = :template_id;

-- name: lock_template
-- Serializes changes of a template.
SELECT template_id, name, channel, content, details, created_at, updated_at
FROM templates
WHERE church_id = :church_id AND template_id = :template_id
FOR UPDATE;

-- name: page_templates
-- Oldest first. `after` always bounds the index scan.
SELECT template_id, name, channel, content, details, created_at, updated_at
FROM templates
WHERE church_id = :church_id AND template_id > :after
ORDER BY template_id
LIMIT :row_limit;

-- name: change_template
UPDATE templates
SET name = :name, channel = :channel, content = :content, details = :details, updated_at = now()
WHERE church_id = :church_id AND template_id = :template_id
RETURNING template_id, name, channel, content, details, created_at, updated_at;

-- name: delete_template!
DELETE FROM templates WHERE church_id = :church_id AND template_id = :template_id;
