-- name: note
-- Add what was read; a day whose digest is made gets no more of it, the next one does.
-- $1 days date[]
-- $2 ats timestamptz[]
-- $3 keys text[]
-- $4 routes text[]
-- $5 statuses smallint[]
-- $6 bases text[]
-- $7 purposes text[]
WITH open AS (SELECT day FROM access_open FOR SHARE)
INSERT INTO access_log (day, at, key_id, route, status, basis, purpose)
SELECT greatest(open.day, a.day), a.at, a.key_id, a.route, a.status, a.basis, a.purpose
FROM open, unnest($1::date[], $2::timestamptz[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[])
    AS a (day, at, key_id, route, status, basis, purpose)

-- name: close
-- No day before this one gets any more entries.
-- $1 day date
UPDATE access_open SET day = $1 WHERE day < $1

-- name: undigested
-- The first day that gets no more entries and has no digest yet; null when there is none.
SELECT min(a.day) FROM access_log a
WHERE a.day < (SELECT day FROM access_open) AND NOT EXISTS (SELECT FROM access_digests d WHERE d.day = a.day)

-- name: of_day
-- A day's entries after a number, in their order.
-- $1 day date
-- $2 after bigint
-- $3 limit bigint
SELECT number, day, at, key_id, route, status, basis, purpose FROM access_log
WHERE day = $1 AND number > $2 ORDER BY number LIMIT $3

-- name: digested
-- A day's digest is in the log.
-- $1 day date
-- $2 entries bigint
-- $3 sha256 bytea
INSERT INTO access_digests (day, entries, sha256) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: drop_days
-- Entries of the days before one go, some at a time; those whose digest is in the log.
-- $1 day date
-- $2 limit bigint
DELETE FROM access_log
WHERE number IN (SELECT a.number FROM access_log a JOIN access_digests d ON d.day = a.day
                 WHERE a.day < $1 ORDER BY a.day, a.number LIMIT $2)

-- name: after
-- Entries after a number, in their order.
-- $1 after bigint
-- $2 limit bigint
SELECT number, day, at, key_id, route, status, basis, purpose FROM access_log
WHERE number > $1 ORDER BY number LIMIT $2
