-- name: log
-- What the log is called, and what followers hold it by.
SELECT id, zone, fork, generation, erased_upto, created_at FROM log

-- name: call
-- Let an empty log be another one.
-- $1 id uuid
-- $2 zone text
-- $3 fork integer
-- $4 generation integer
-- $5 erased_upto bigint
-- $6 created_at timestamptz
UPDATE log SET id = $1, zone = $2, fork = $3, generation = $4, erased_upto = $5, created_at = $6

-- name: keys
-- Under which name and key each fork is signed.
SELECT fork, origin, vkey, made_at FROM log_keys ORDER BY fork

-- name: add_key
-- Under which name and key a fork is signed.
-- $1 fork integer
-- $2 origin text
-- $3 vkey text
-- $4 made_at timestamptz
INSERT INTO log_keys (fork, origin, vkey, made_at) VALUES ($1, $2, $3, $4)

-- name: zone_data
-- The zone data that events are read by.
SELECT id, release, packed, added_at FROM zone_data ORDER BY added_at, id

-- name: add_zone_data
-- Zone data, unless this build brought them already.
-- $1 id text
-- $2 release text
-- $3 packed bytea
-- $4 added_at timestamptz
INSERT INTO zone_data (id, release, packed, added_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: set_secret
-- What ids are derived under that stand for an `Idempotency-Key`.
-- $1 secret bytea
UPDATE idempotency SET secret = $1

-- name: hold
-- Let nobody append before this transaction ends: the lock that each append takes.
SELECT pg_advisory_xact_lock(7241905, hashtext(current_schema()))

-- name: hold_archives
-- Let nobody else write an archive of this log before this transaction ends; whether nobody does.
SELECT pg_try_advisory_xact_lock(7241907, hashtext(current_schema()))

-- name: is_new
-- Whether nothing was ever appended to this log, or signed of it.
SELECT NOT EXISTS (SELECT FROM events) AND NOT EXISTS (SELECT FROM commits) AND NOT EXISTS (SELECT FROM log_keys)

-- name: analyze
-- Let the planner know of what was loaded.
ANALYZE events, commits, event_private
