-- name: chain
-- The newest snapshot of a rollup up to a position and after another, of what counted by an instant of the world (null is
-- any), and those to which it is added, in turn: without their totals.
-- $1 build smallint
-- $2 rollup text
-- $3 upto bigint
-- $4 after bigint
-- $5 at timestamptz
WITH RECURSIVE chain (position, after, counted_by, uid) AS (
    (SELECT position, after, counted_by, uid FROM snapshots
     WHERE build = $1 AND rollup = $2 AND position <= $3 AND position > $4 AND ($5::timestamptz IS NULL OR counted_by <= $5)
     ORDER BY position DESC LIMIT 1)
    UNION ALL
    SELECT s.position, s.after, s.counted_by, s.uid
    FROM chain c JOIN snapshots s ON s.build = $1 AND s.rollup = $2 AND s.position = c.after
    WHERE c.after > $4
)
SELECT position, after, counted_by, uid FROM chain ORDER BY position DESC

-- name: bodies
-- The totals of some snapshots of a rollup.
-- $1 build smallint
-- $2 rollup text
-- $3 positions bigint[]
SELECT uid, body FROM snapshots WHERE build = $1 AND rollup = $2 AND position = ANY($3)

-- name: last
-- Up to where the snapshots of each rollup of a build were taken.
-- $1 build smallint
SELECT rollup, max(position) AS position FROM snapshots WHERE build = $1 GROUP BY rollup

-- name: recorded_at
-- When the event at a position was recorded.
-- $1 position bigint
SELECT recorded_at FROM commits WHERE last_position >= $1 ORDER BY last_position LIMIT 1

-- name: put
-- A snapshot, unless its build was dropped meanwhile; who drops it waits for this. Answers the build where it is there.
-- $1 build smallint
-- $2 rollup text
-- $3 after bigint
-- $4 position bigint
-- $5 counted_by timestamptz
-- $6 body bytea
INSERT INTO snapshots (build, rollup, after, position, counted_by, body)
SELECT b.build, $2, $3, $4, $5, $6 FROM builds b WHERE b.build = $1 AND b.state <> 'dropped' FOR KEY SHARE
RETURNING build

-- name: drop
-- Delete the snapshots of a rollup of a build.
-- $1 build smallint
-- $2 rollup text
DELETE FROM snapshots WHERE build = $1 AND rollup = $2
