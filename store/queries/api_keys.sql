-- name: insert_key
INSERT INTO api_keys (church_id, label, secret_hash, scopes, hint, expires_at)
VALUES (:church_id, :label, :secret_hash, :scopes, :hint, :expires_at)
RETURNING api_key_id;

-- name: find_key
-- By the hash of the whole key, so that the time of the comparison reveals nothing about the secret.
SELECT api_key_id, church_id, scopes
FROM find_key_holder(:secret_hash);

-- name: key_expired_at
SELECT key_expired_at(:secret_hash);

-- name: list_keys
SELECT api_keys.api_key_id, api_keys.church_id, churches.name AS church_name, api_keys.label, api_keys.hint,
       api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys
JOIN churches ON churches.church_id = api_keys.church_id
WHERE :church_id::uuid IS NULL OR api_keys.church_id = :church_id::uuid
ORDER BY churches.name, api_keys.church_id, api_keys.api_key_id;

-- name: get_key
SELECT api_keys.api_key_id, api_keys.church_id, churches.name AS church_name, api_keys.label, api_keys.hint,
       api_keys.scopes, api_keys.created_at, api_keys.expires_at, api_keys.revoked_at, api_keys.last_used_at
FROM api_keys
JOIN churches ON churches.church_id = api_keys.church_id
WHERE api_keys.api_key_id = :api_key_id::uuid OR api_keys.secret_hash = :secret_hash::bytea;

-- name: revoke_key!
-- The time of the first revocation stays.
UPDATE api_keys
SET revoked_at = now()
WHERE api_key_id = :api_key_id AND revoked_at IS NULL;
