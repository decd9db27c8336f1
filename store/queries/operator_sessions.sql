-- Sessions without an operator began with OPERATOR_PASSWORD. They are valid only while there are no operators, also if a process
-- of the former release has inserted them.

-- name: delete_expired_sessions!
DELETE FROM operator_sessions
WHERE expires_at <= now();

-- name: begin_session!
INSERT INTO operator_sessions (session_hash, operator_id, login_address, expires_at)
VALUES (:session_hash, :operator_id, :login_address, now() + :lifetime_seconds * interval '1 second');

-- name: find_session
SELECT operator_sessions.session_id, operator_sessions.operator_id, coalesce(operators.name, :shared_name) AS name,
       operator_sessions.created_at, operator_sessions.expires_at, operator_sessions.login_address
FROM operator_sessions
LEFT JOIN operators ON operators.operator_id = operator_sessions.operator_id
WHERE operator_sessions.session_hash = ANY (:session_hashes::bytea[]) AND operator_sessions.expires_at > now()
  AND (operator_sessions.operator_id IS NOT NULL OR NOT EXISTS (SELECT FROM operators));

-- name: list_sessions
SELECT operator_sessions.session_id, operator_sessions.operator_id, coalesce(operators.name, :shared_name) AS name,
       operator_sessions.created_at, operator_sessions.expires_at, operator_sessions.login_address
FROM operator_sessions
LEFT JOIN operators ON operators.operator_id = operator_sessions.operator_id
WHERE operator_sessions.expires_at > now()
  AND (operator_sessions.operator_id IS NOT NULL OR NOT EXISTS (SELECT FROM operators))
  AND (:name::text IS NULL OR coalesce(operators.name, :shared_name) = :name::text)
ORDER BY name, operator_sessions.created_at, operator_sessions.session_id;

-- name: end_session!
DELETE FROM operator_sessions
WHERE session_id = :session_id;

-- name: end_sessions_of!
-- All sessions of an operator; with NULL, all that began with OPERATOR_PASSWORD. :kept is the session that stays.
DELETE FROM operator_sessions
WHERE operator_id IS NOT DISTINCT FROM :operator_id::uuid
  AND (:kept::uuid IS NULL OR session_id <> :kept::uuid);
