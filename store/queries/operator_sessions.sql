-- name: delete_expired_sessions!
DELETE FROM operator_sessions
WHERE expires_at <= now();

-- name: begin_session!
INSERT INTO operator_sessions (session_hash, expires_at)
VALUES (:session_hash, now() + :lifetime_seconds * interval '1 second');

-- name: has_session
SELECT EXISTS (
    SELECT FROM operator_sessions
    WHERE session_hash = :session_hash AND expires_at > now()
);

-- name: end_session!
DELETE FROM operator_sessions
WHERE session_hash = :session_hash;
