-- name: delete_abandoned
-- Files that were uploaded and never started.
WITH deleted AS (
    DELETE FROM imports
    WHERE import_id IN (
        SELECT import_id
        FROM imports
        WHERE status = 'pending' AND created_at < now() - :kept_days * interval '1 day'
        ORDER BY created_at
        LIMIT :row_limit
        FOR UPDATE SKIP LOCKED
    )
    RETURNING import_id
)
SELECT count(*) FROM deleted;

-- name: delete_expired_rows
-- Up to `row_limit` rows of imports that ended long ago.
WITH deleted AS (
    DELETE FROM import_rows
    USING (
        SELECT import_rows.import_id, import_rows.row_number
        FROM (
            SELECT import_id
            FROM imports
            WHERE expired_at IS NULL AND finished_at IS NOT NULL
              AND finished_at < now() - :kept_days * interval '1 day' AND status <> 'undoing'
            ORDER BY finished_at
            LIMIT 10
        ) AS ended
        CROSS JOIN LATERAL (
            SELECT kept.import_id, kept.row_number
            FROM import_rows AS kept
            WHERE kept.import_id = ended.import_id
            ORDER BY kept.row_number
            LIMIT :row_limit
            FOR UPDATE SKIP LOCKED
        ) AS import_rows
        LIMIT :row_limit
    ) AS old
    WHERE import_rows.import_id = old.import_id AND import_rows.row_number = old.row_number
    RETURNING import_rows.row_number
)
SELECT count(*) FROM deleted;

-- name: expire_imports!
-- Marks those of which the last row is deleted. The name of the file may name a person.
UPDATE imports
SET expired_at = now(), file_name = ''
WHERE import_id IN (
    SELECT ended.import_id
    FROM imports AS ended
    WHERE ended.expired_at IS NULL AND ended.finished_at IS NOT NULL
      AND ended.finished_at < now() - :kept_days * interval '1 day' AND ended.status <> 'undoing'
      AND NOT EXISTS (SELECT FROM import_rows WHERE import_rows.import_id = ended.import_id)
    ORDER BY ended.finished_at
    LIMIT :row_limit
    FOR UPDATE SKIP LOCKED
);

-- name: find_rows_of_contacts
-- What imports keep of these contacts: as they were before.
SELECT import_id, line, outcome, before
FROM import_rows
WHERE church_id = :church_id AND contact_id = ANY (:contact_ids::uuid[])
ORDER BY import_id, row_number;

-- name: erase_rows_of_contacts!
-- Contacts that were deleted: what they were is forgotten, and the import cannot restore them.
UPDATE import_rows
SET before = NULL, value = NULL, contact_id = NULL
WHERE church_id = :church_id AND contact_id = ANY (:contact_ids::uuid[]);

-- name: list_values
-- The cells that reports show, of all imports of the church that are kept.
SELECT import_id, row_number, value
FROM import_rows
WHERE church_id = :church_id AND value IS NOT NULL;

-- name: erase_values!
UPDATE import_rows
SET value = NULL
FROM unnest(:import_ids::uuid[], :row_numbers::int[]) AS erased (import_id, row_number)
WHERE import_rows.import_id = erased.import_id AND import_rows.row_number = erased.row_number
  AND import_rows.church_id = :church_id;

-- name: list_files
-- The files that are kept: parts are read one by one.
SELECT imports.import_id, import_parts.part
FROM imports
JOIN import_parts ON import_parts.import_id = imports.import_id
WHERE imports.church_id = :church_id
ORDER BY imports.import_id, import_parts.part;

-- name: replace_part!
UPDATE import_parts SET content = :content WHERE import_id = :import_id AND part = :part AND church_id = :church_id;
