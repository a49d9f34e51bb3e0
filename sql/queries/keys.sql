-- name: any
-- Whether any key was ever made.
SELECT EXISTS (SELECT FROM api_keys)

-- name: put
-- Add a key, or give the one of this name another secret, scopes or clearance: whether it was added, or no row when it
-- is so already. A secret that was revoked stays revoked.
-- $1 key_id text
-- $2 digest bytea
-- $3 scopes text[]
-- $4 clearance smallint
WITH before AS (SELECT FROM api_keys WHERE key_id = $1)
INSERT INTO api_keys AS k (key_id, digest, scopes, clearance) VALUES ($1, $2, $3, $4)
ON CONFLICT (key_id) DO UPDATE
SET digest = excluded.digest, scopes = excluded.scopes, clearance = excluded.clearance,
    revoked_at = CASE WHEN k.digest = excluded.digest THEN k.revoked_at END
WHERE (k.digest, k.scopes, k.clearance) IS DISTINCT FROM (excluded.digest, excluded.scopes, excluded.clearance)
RETURNING NOT EXISTS (SELECT FROM before)

-- name: known
-- Those of some digests that open something, with what each may do by now.
-- $1 digests bytea[]
SELECT digest, key_id, scopes, clearance FROM api_keys WHERE digest = ANY($1) AND revoked_at IS NULL

-- name: list
-- Keys by name, after a name; of their secrets nothing.
-- $1 after text
-- $2 limit bigint
SELECT key_id, scopes, clearance, created_at, revoked_at FROM api_keys WHERE key_id > $1 ORDER BY key_id LIMIT $2

-- name: one
-- A key by its name.
-- $1 key_id text
SELECT key_id, scopes, clearance, created_at, revoked_at FROM api_keys WHERE key_id = $1

-- name: revoke
-- Let a key open nothing any more; answers it, unless it was revoked before.
-- $1 key_id text
UPDATE api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id
