-- name: find
-- A key by its digest, unless it is revoked.
-- $1 digest bytea
SELECT key_id, scopes, clearance FROM api_keys WHERE digest = $1 AND revoked_at IS NULL

-- name: any
-- Whether any key was ever made.
SELECT EXISTS (SELECT FROM api_keys)

-- name: put
-- Add a key, or give the one of this name another secret.
-- $1 key_id text
-- $2 digest bytea
-- $3 scopes text[]
-- $4 clearance smallint
INSERT INTO api_keys (key_id, digest, scopes, clearance) VALUES ($1, $2, $3, $4)
ON CONFLICT (key_id) DO UPDATE SET digest = excluded.digest, scopes = excluded.scopes, clearance = excluded.clearance
