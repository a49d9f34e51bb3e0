-- name: any
-- Whether any key was ever made.
SELECT EXISTS (SELECT FROM api_keys)

-- name: put
-- Add a key, or give the one of this name another secret, scopes, clearance and so on: whether it was added, or no row
-- when it is so already. A secret that was revoked stays revoked; what was before it ends at once, and with it the
-- webhooks that somebody made who had it.
-- $1 key_id text
-- $2 digest bytea
-- $3 scopes text[]
-- $4 clearance smallint
-- $5 note text
-- $6 expires_at timestamptz
-- $7 requests integer
WITH before AS (SELECT FROM api_keys WHERE key_id = $1),
ended AS (
    DELETE FROM webhooks WHERE key_id = $1 AND EXISTS (SELECT FROM api_keys WHERE key_id = $1 AND digest <> $2)
)
INSERT INTO api_keys AS k (key_id, digest, scopes, clearance, note, expires_at, requests)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (key_id) DO UPDATE
SET digest = excluded.digest, scopes = excluded.scopes, clearance = excluded.clearance, note = excluded.note,
    expires_at = excluded.expires_at, requests = excluded.requests, former_digest = NULL, former_until = NULL,
    revoked_at = CASE WHEN k.digest = excluded.digest THEN k.revoked_at END
WHERE (k.digest, k.scopes, k.clearance, k.note, k.expires_at, k.requests) IS DISTINCT FROM
      (excluded.digest, excluded.scopes, excluded.clearance, excluded.note, excluded.expires_at, excluded.requests)
RETURNING NOT EXISTS (SELECT FROM before)

-- name: change
-- Change what a key is for, until when it opens anything and how often it may ask; answers it, unless it was revoked.
-- $1 key_id text
-- $2 note text
-- $3 expires_at timestamptz
-- $4 requests integer
UPDATE api_keys SET note = $2, expires_at = $3, requests = $4 WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id

-- name: rotate
-- Give a key another secret; the one that it has opens the same until an instant, the one before that nothing any more.
-- Answers the key, unless it was revoked.
-- $1 key_id text
-- $2 digest bytea
-- $3 former_until timestamptz
UPDATE api_keys SET digest = $2, former_digest = digest, former_until = $3
WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id

-- name: known
-- Those of some digests that open something, or did until they expired, with what each may do by now.
-- $1 digests bytea[]
SELECT former_digest AS digest, key_id, scopes, clearance, least(expires_at, former_until) AS expires_at, requests
FROM api_keys WHERE former_digest = ANY($1) AND revoked_at IS NULL
UNION ALL
SELECT digest, key_id, scopes, clearance, expires_at, requests
FROM api_keys WHERE digest = ANY($1) AND revoked_at IS NULL

-- name: used
-- Note that keys were used in an hour.
-- $1 key_ids text[]
-- $2 hour timestamptz
UPDATE api_keys SET last_used_at = $2 WHERE key_id = ANY($1) AND (last_used_at < $2 OR last_used_at IS NULL)

-- name: list
-- Keys by name, after a name; of their secrets nothing.
-- $1 after text
-- $2 limit bigint
SELECT key_id, scopes, clearance, created_at, revoked_at, note, expires_at, requests, last_used_at, former_until
FROM api_keys WHERE key_id > $1 ORDER BY key_id LIMIT $2

-- name: one
-- A key by its name.
-- $1 key_id text
SELECT key_id, scopes, clearance, created_at, revoked_at, note, expires_at, requests, last_used_at, former_until
FROM api_keys WHERE key_id = $1

-- name: revoke
-- Let a key open nothing any more; answers it, unless it was revoked before.
-- $1 key_id text
UPDATE api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1 AND revoked_at IS NULL RETURNING key_id
