-- name: lock
-- One migration at a time; held to the end of the transaction. Whether it is ours.
-- $1 key bigint
SELECT pg_try_advisory_xact_lock($1)

-- name: holders
-- Who holds that lock in this database, as far as this login may see it.
-- $1 key bigint
SELECT a.pid, a.application_name, a.state, a.xact_start AS since
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) + l.objid::bigint = $1

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
