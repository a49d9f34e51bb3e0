-- name: open
-- Add a session, and forget those that have expired, and those of the secret that are beyond so many, the newest aside.
-- $1 digest bytea
-- $2 key_digest bytea
-- $3 now timestamptz
-- $4 expires_at timestamptz
-- $5 others bigint
WITH forgotten AS (
    DELETE FROM sessions WHERE expires_at <= $3
    OR digest IN (SELECT digest FROM sessions WHERE key_digest = $2 ORDER BY expires_at DESC OFFSET $5)
)
INSERT INTO sessions (digest, key_digest, expires_at) VALUES ($1, $2, $4)

-- name: close
-- End a session.
-- $1 digest bytea
DELETE FROM sessions WHERE digest = $1

-- name: known
-- Those of some tokens' digests that stand for a session whose key is not revoked or replaced, with what that may do.
-- A session of a secret that was rotated lasts as long as that.
-- $1 digests bytea[]
SELECT s.digest, k.key_id, k.scopes, k.clearance, k.requests,
       least(s.expires_at, k.expires_at, CASE WHEN k.digest <> s.key_digest THEN k.former_until END) AS expires_at
FROM sessions s JOIN api_keys k ON s.key_digest IN (k.digest, k.former_digest) AND k.revoked_at IS NULL
WHERE s.digest = ANY($1)
