-- name: insert_operator
-- Returns no row if the name is taken.
INSERT INTO operators (name, password_hash)
VALUES (:name, :password_hash)
ON CONFLICT (name) DO NOTHING
RETURNING operator_id;

-- name: find_operator
SELECT operator_id, name, password_hash
FROM operators
WHERE name = :name;

-- name: has_operators
SELECT EXISTS (SELECT FROM operators);

-- name: list_operators
SELECT operators.name, operators.created_at, operators.last_login_at, count(operator_sessions.session_id) AS open_sessions
FROM operators
LEFT JOIN operator_sessions
    ON operator_sessions.operator_id = operators.operator_id AND operator_sessions.expires_at > now()
GROUP BY operators.operator_id
ORDER BY operators.name;

-- name: delete_operator!
-- The sessions of the operator are deleted by the foreign key.
DELETE FROM operators
WHERE name = :name;

-- name: set_password
UPDATE operators
SET password_hash = :password_hash
WHERE name = :name
RETURNING operator_id;

-- name: record_login!
-- Changes nothing if the operator was removed, or got another password, after the password was checked. The lock of the row
-- keeps both from happening before the session is stored.
UPDATE operators
SET last_login_at = now(), password_hash = coalesce(:new_hash, password_hash)
WHERE operator_id = :operator_id AND password_hash = :checked_hash;
