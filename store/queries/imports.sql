-- name: insert_import
INSERT INTO imports (
    church_id, file_name, format, encoding, delimiter, sheet, file_rows, parts, skipped_rows, header_line, columns
)
VALUES (
    :church_id, :file_name, :format, :encoding, :delimiter, :sheet, :file_rows, :parts, :skipped_rows, :header_line,
    :columns
)
RETURNING import_id;

-- name: insert_parts!
INSERT INTO import_parts (import_id, part, church_id, content)
SELECT :import_id, listed.position - 1, :church_id, listed.content
FROM unnest(:contents::bytea[]) WITH ORDINALITY AS listed (content, position);

-- name: count_pending
SELECT count(*) FROM imports WHERE church_id = :church_id AND status = 'pending';

-- name: get_import
SELECT import_id, church_id, file_name, format, encoding, delimiter, sheet, status, file_rows, parts, skipped_rows, header_line,
       columns, existing_policy, group_id, group_name, next_part, created, updated, unchanged, refused, erased, grouped, opted_out,
       removed, restored, kept, created_at, started_at, started_by_kind, started_by_name, finished_at, undone_at, expired_at
FROM imports
WHERE church_id = :church_id AND import_id = :import_id;

-- name: lock_import
SELECT import_id, church_id, file_name, format, encoding, delimiter, sheet, status, file_rows, parts, skipped_rows, header_line,
       columns, existing_policy, group_id, group_name, next_part, created, updated, unchanged, refused, erased, grouped, opted_out,
       removed, restored, kept, created_at, started_at, started_by_kind, started_by_name, finished_at, undone_at, expired_at
FROM imports
WHERE church_id = :church_id AND import_id = :import_id
FOR NO KEY UPDATE;

-- name: page_imports
-- Newest first. `before` always bounds the index scan.
SELECT import_id, church_id, file_name, format, encoding, delimiter, sheet, status, file_rows, parts, skipped_rows, header_line,
       columns, existing_policy, group_id, group_name, next_part, created, updated, unchanged, refused, erased, grouped, opted_out,
       removed, restored, kept, created_at, started_at, started_by_kind, started_by_name, finished_at, undone_at, expired_at
FROM imports
WHERE church_id = :church_id AND import_id < :before
ORDER BY import_id DESC
LIMIT :row_limit;

-- name: read_part
SELECT content FROM import_parts WHERE import_id = :import_id AND part = :part;

-- name: set_options!
UPDATE imports
SET skipped_rows = :skipped_rows, header_line = :header_line, columns = :columns, existing_policy = :existing_policy,
    group_id = :group_id, group_name = :group_name
WHERE church_id = :church_id AND import_id = :import_id;

-- name: start_import!
UPDATE imports
SET status = 'running', started_at = now(), started_by_kind = :started_by_kind, started_by_name = :started_by_name,
    group_id = :group_id, next_part = 0
WHERE church_id = :church_id AND import_id = :import_id AND status = 'pending';

-- name: cancel_import!
UPDATE imports
SET status = 'canceled', finished_at = now(), lease_id = NULL, lease_until = NULL
WHERE church_id = :church_id AND import_id = :import_id AND status = 'running';

-- name: begin_undoing!
UPDATE imports
SET status = 'undoing', lease_id = NULL, lease_until = NULL
WHERE church_id = :church_id AND import_id = :import_id AND status IN ('finished', 'canceled') AND expired_at IS NULL;

-- name: delete_import!
DELETE FROM imports WHERE church_id = :church_id AND import_id = :import_id AND status = 'pending';

-- name: delete_parts!
DELETE FROM import_parts WHERE import_id = :import_id;

-- name: any_due
SELECT EXISTS (
    SELECT FROM imports WHERE status IN ('running', 'undoing') AND (lease_until IS NULL OR lease_until < now())
);

-- name: claim_import
-- The due import that has waited longest gets to this worker: one that was left by its worker comes after those that wait.
-- As a CTE it is selected once: a subquery in FROM is evaluated again for each row if the planner chooses so, and each time
-- skips what it has locked, so that several imports would be leased to a worker that knows of one.
WITH due AS MATERIALIZED (
    SELECT import_id
    FROM imports
    WHERE status IN ('running', 'undoing') AND (lease_until IS NULL OR lease_until < now())
    ORDER BY lease_until NULLS FIRST, import_id
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE imports
SET lease_id = :lease_id, lease_until = now() + :lease_seconds * interval '1 second'
FROM due
WHERE imports.import_id = due.import_id
RETURNING imports.import_id, imports.church_id;

-- name: release_import!
-- The next claim prefers imports that were released earlier.
UPDATE imports
SET lease_id = NULL, lease_until = now()
WHERE import_id = :import_id AND lease_id = :lease_id;

-- name: lock_claimed
-- Locks the import and extends the lease, if this worker still has it.
UPDATE imports
SET lease_until = now() + :lease_seconds * interval '1 second'
WHERE import_id = :import_id AND lease_id = :lease_id AND status IN ('running', 'undoing')
RETURNING import_id, church_id, file_name, format, encoding, delimiter, sheet, status, file_rows, parts, skipped_rows,
          header_line, columns, existing_policy, group_id, group_name, next_part, created, updated, unchanged, refused,
          erased, grouped, opted_out, removed, restored, kept, created_at, started_at, started_by_kind, started_by_name,
          finished_at, undone_at, expired_at;

-- name: record_part!
-- After the last part the import is finished.
UPDATE imports
SET next_part = next_part + 1,
    created = created + :created, updated = updated + :updated, unchanged = unchanged + :unchanged,
    refused = refused + :refused, erased = erased + :erased, grouped = grouped + :grouped, opted_out = opted_out + :opted_out,
    status = CASE WHEN next_part + 1 >= parts THEN 'finished' ELSE status END,
    finished_at = CASE WHEN next_part + 1 >= parts THEN now() END
WHERE import_id = :import_id;

-- name: record_undone!
UPDATE imports
SET removed = removed + :removed, restored = restored + :restored, kept = kept + :kept
WHERE import_id = :import_id;

-- name: finish_undoing!
UPDATE imports
SET status = 'undone', undone_at = now(), lease_id = NULL, lease_until = NULL
WHERE import_id = :import_id;
