-- name: any
-- Whether there is a webhook for anybody to deliver to.
SELECT EXISTS (SELECT webhook_id FROM webhooks WHERE state = 'active')

-- name: add
-- Add a webhook, unless its key has as many as one may have; answers its id.
-- $1 webhook_id uuid
-- $2 key_id text
-- $3 clearance smallint
-- $4 url text
-- $5 filters text
-- $6 note text
-- $7 secret bytea
-- $8 created_at timestamptz
-- $9 position bigint
-- $10 most bigint
INSERT INTO webhooks (webhook_id, key_id, clearance, url, filters, note, secret, created_at, position)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE (SELECT count(*) FROM webhooks WHERE key_id = $2) < $10
RETURNING webhook_id

-- name: list
-- Webhooks that a key made or, for whoever looks after all, that see no more than it does; by id, after one.
-- $1 key_id text
-- $2 all boolean
-- $3 clearance smallint
-- $4 after uuid
-- $5 limit bigint
SELECT webhook_id, key_id, clearance, url, filters, note, former_until, created_at, state, reason, position, attempts,
       next_at, last_attempt_at, last_delivered_at, last_failure
FROM webhooks WHERE (key_id = $1 OR ($2 AND clearance <= $3)) AND webhook_id > $4 ORDER BY webhook_id LIMIT $5

-- name: one
-- A webhook by its id.
-- $1 webhook_id uuid
SELECT webhook_id, key_id, clearance, url, filters, note, former_until, created_at, state, reason, position, attempts,
       next_at, last_attempt_at, last_delivered_at, last_failure
FROM webhooks WHERE webhook_id = $1

-- name: secrets
-- What a webhook's messages are signed with, and until when with the one before too.
-- $1 webhook_id uuid
SELECT secret, former_secret, former_until FROM webhooks WHERE webhook_id = $1

-- name: change
-- Change what a client names, and nothing else (an empty note takes it away); it begins anew with the event that comes next.
-- $1 webhook_id uuid
-- $2 url text
-- $3 filters text
-- $4 note text
-- $5 state text
UPDATE webhooks SET url = COALESCE($2, url), filters = COALESCE($3, filters),
                    note = CASE WHEN $4::text IS NULL THEN note ELSE nullif($4, '') END,
                    state = COALESCE($5, state), reason = CASE WHEN $5::text IS NULL THEN reason END,
                    revision = revision + 1, attempts = 0, attempts_of = NULL, next_at = NULL, dead_in_row = 0
WHERE webhook_id = $1 RETURNING webhook_id

-- name: rotate
-- Give it another secret; until an instant the one before signs, too.
-- $1 webhook_id uuid
-- $2 secret bytea
-- $3 former_until timestamptz
UPDATE webhooks SET secret = $2, former_secret = secret, former_until = $3, revision = revision + 1
WHERE webhook_id = $1 RETURNING webhook_id

-- name: remove
-- Forget a webhook, with its dead letters.
-- $1 webhook_id uuid
DELETE FROM webhooks WHERE webhook_id = $1 RETURNING webhook_id

-- name: lease
-- Take those that nobody delivers to, and keep those that one has: each for so many seconds by the database's clock.
-- $1 lessee uuid
-- $2 seconds double precision
-- $3 renew_below double precision
UPDATE webhooks SET lessee = $1, leased_until = clock_timestamp() + make_interval(secs => $2)
WHERE state = 'active'
  AND (leased_until IS NULL OR leased_until < clock_timestamp()
       OR (lessee = $1 AND leased_until < clock_timestamp() + make_interval(secs => $3)))

-- name: release
-- Leave to others what one has.
-- $1 lessee uuid
UPDATE webhooks SET lessee = NULL, leased_until = NULL WHERE lessee = $1

-- name: leased
-- Those that one delivers to, and whose key may read: with what it may see by now, and whether dead letters are wanted.
-- $1 lessee uuid
-- $2 now timestamptz
SELECT w.webhook_id, w.key_id, least(w.clearance, k.clearance) AS clearance, w.url, w.filters, w.secret, w.former_secret,
       w.former_until, w.revision, w.position, w.attempts, w.attempts_of, w.next_at,
       EXISTS (SELECT FROM dead_letters d WHERE d.webhook_id = w.webhook_id AND d.wanted) AS wanted
FROM webhooks w JOIN api_keys k USING (key_id)
WHERE w.lessee = $1 AND w.leased_until > clock_timestamp() AND w.state = 'active' AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > $2) AND 'read' = ANY (k.scopes)

-- name: delivered
-- It has everything up to a position; no row where somebody else delivers, or it was changed.
-- $1 webhook_id uuid
-- $2 lessee uuid
-- $3 revision integer
-- $4 position bigint
-- $5 now timestamptz
UPDATE webhooks SET position = $4, attempts = 0, attempts_of = NULL, next_at = NULL, dead_in_row = 0, last_attempt_at = $5,
                    last_delivered_at = $5, last_failure = NULL
WHERE webhook_id = $1 AND lessee = $2 AND revision = $3 AND position < $4 RETURNING webhook_id

-- name: passed
-- Up to a position there is nothing for it.
-- $1 webhook_id uuid
-- $2 lessee uuid
-- $3 revision integer
-- $4 position bigint
UPDATE webhooks SET position = $4
WHERE webhook_id = $1 AND lessee = $2 AND revision = $3 AND position < $4 RETURNING webhook_id

-- name: failed
-- The event that comes next was tried once more; from when on it is tried again.
-- $1 webhook_id uuid
-- $2 lessee uuid
-- $3 revision integer
-- $4 position bigint
-- $5 attempts integer
-- $6 next_at timestamptz
-- $7 now timestamptz
-- $8 failure text
UPDATE webhooks SET attempts_of = $4, attempts = $5, next_at = $6, last_attempt_at = $7, last_failure = $8
WHERE webhook_id = $1 AND lessee = $2 AND revision = $3 RETURNING webhook_id

-- name: bury
-- An event becomes a dead letter, and the next one comes; after some in a row, or where there are too many, none.
-- Answers what the webhook does from then on.
-- $1 webhook_id uuid
-- $2 lessee uuid
-- $3 revision integer
-- $4 position bigint
-- $5 event_id uuid
-- $6 attempts integer
-- $7 now timestamptz
-- $8 failure text
-- $9 in_row integer
-- $10 most bigint
WITH told AS (
    SELECT CASE WHEN w.dead_in_row + 1 >= $9 THEN 'failing'
                WHEN (SELECT count(*) FROM dead_letters d WHERE d.webhook_id = $1) + 1 >= $10 THEN 'full' END AS reason
    FROM webhooks w WHERE w.webhook_id = $1
), moved AS (
    UPDATE webhooks SET position = $4, attempts = 0, attempts_of = NULL, next_at = NULL, dead_in_row = dead_in_row + 1,
                        last_attempt_at = $7, last_failure = $8, reason = told.reason,
                        state = CASE WHEN told.reason IS NULL THEN 'active' ELSE 'off' END
    FROM told WHERE webhook_id = $1 AND lessee = $2 AND revision = $3 AND position < $4
    RETURNING webhook_id, state
), buried AS (
    INSERT INTO dead_letters (webhook_id, position, event_id, attempts, failed_at, failure)
    SELECT webhook_id, $4, $5, $6, $7, $8 FROM moved
)
SELECT state FROM moved

-- name: gone
-- The receiver does not want any more: it is off.
-- $1 webhook_id uuid
-- $2 lessee uuid
-- $3 revision integer
-- $4 now timestamptz
-- $5 failure text
UPDATE webhooks SET state = 'off', reason = 'gone', last_attempt_at = $4, last_failure = $5
WHERE webhook_id = $1 AND lessee = $2 AND revision = $3 RETURNING webhook_id

-- name: letters
-- Dead letters in the order of the log, after a position.
-- $1 webhook_id uuid
-- $2 after bigint
-- $3 limit bigint
SELECT position, event_id, attempts, failed_at, failure, wanted
FROM dead_letters WHERE webhook_id = $1 AND position > $2 ORDER BY position LIMIT $3

-- name: wanted
-- Dead letters that are to be tried once more, in the order of the log.
-- $1 webhook_id uuid
-- $2 limit bigint
SELECT position, event_id, attempts, failed_at, failure, wanted
FROM dead_letters WHERE webhook_id = $1 AND wanted ORDER BY position LIMIT $2

-- name: want
-- Have dead letters tried once more; answers which are there.
-- $1 webhook_id uuid
-- $2 event_ids uuid[]
UPDATE dead_letters SET wanted = true WHERE webhook_id = $1 AND event_id = ANY ($2) RETURNING event_id

-- name: discard
-- Give dead letters up; answers which were there.
-- $1 webhook_id uuid
-- $2 event_ids uuid[]
DELETE FROM dead_letters WHERE webhook_id = $1 AND event_id = ANY ($2) RETURNING event_id

-- name: still_dead
-- A dead letter was tried in vain.
-- $1 webhook_id uuid
-- $2 position bigint
-- $3 now timestamptz
-- $4 failure text
UPDATE dead_letters SET wanted = false, attempts = attempts + 1, failed_at = $3, failure = $4
WHERE webhook_id = $1 AND position = $2

-- name: states
-- How many webhooks there are that see no more than a clearance, by what they do.
-- $1 clearance smallint
SELECT state, count(*) AS webhooks FROM webhooks WHERE clearance <= $1 GROUP BY state
