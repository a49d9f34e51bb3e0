-- name: lock
-- One migration at a time; held to the end of the transaction.
-- $1 key bigint
SELECT pg_advisory_xact_lock($1)

-- name: make_table
-- Where it is noted what was applied.
CREATE TABLE IF NOT EXISTS migrations (
    number      integer PRIMARY KEY,
    name        text NOT NULL,
    checksum    text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
)

-- name: has_table
-- Whether this schema was ever migrated.
SELECT to_regclass('migrations') IS NOT NULL

-- name: applied
-- What was applied, and from which text.
SELECT number, checksum FROM migrations ORDER BY number

-- name: note
-- A migration was applied.
-- $1 number integer
-- $2 name text
-- $3 checksum text
INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, $3)

-- name: make_log
-- Name the log once; later calls change nothing.
-- $1 id uuid
-- $2 zone text
INSERT INTO log (id, zone) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: roles
-- The roles the server has.
SELECT rolname FROM pg_roles WHERE rolname LIKE 'incidentlog\_%'
