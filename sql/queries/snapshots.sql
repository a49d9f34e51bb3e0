-- name: newest
-- The newest snapshot of a rollup up to a position, of what counted by an instant of the world.
-- $1 build smallint
-- $2 rollup smallint
-- $3 upto bigint
-- $4 at timestamptz
SELECT position, counted_by, uid FROM snapshots WHERE build = $1 AND rollup = $2 AND position <= $3 AND counted_by <= $4
ORDER BY position DESC LIMIT 1

-- name: body
-- The totals of a snapshot.
-- $1 build smallint
-- $2 rollup smallint
-- $3 position bigint
SELECT body FROM snapshots WHERE build = $1 AND rollup = $2 AND position = $3

-- name: last
-- The newest snapshot of each rollup of a build, and how many totals it has.
-- $1 build smallint
SELECT DISTINCT ON (rollup) rollup, position, counted_by, totals, uid FROM snapshots
WHERE build = $1 ORDER BY rollup, position DESC

-- name: recorded_at
-- When the event at a position was recorded.
-- $1 position bigint
SELECT recorded_at FROM commits WHERE last_position >= $1 ORDER BY last_position LIMIT 1

-- name: put
-- A snapshot.
-- $1 build smallint
-- $2 rollup smallint
-- $3 position bigint
-- $4 counted_by timestamptz
-- $5 totals bigint
-- $6 body bytea
INSERT INTO snapshots (build, rollup, position, counted_by, totals, body) VALUES ($1, $2, $3, $4, $5, $6)
