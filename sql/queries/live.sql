-- name: coming
-- Bookings after one position and up to another that count only later than an instant of the world, and by another.
-- The instants are looked up first, whatever the planner thinks of the positions: there are few.
-- $1 build smallint
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
-- $5 later_than timestamptz
-- $6 until timestamptz
-- $7 limit bigint
SELECT position, level, stream, at, dimensions, amounts, restated
FROM (SELECT * FROM ledger
      WHERE build = $1 AND at > $5 AND ($6::timestamptz IS NULL OR at <= $6) OFFSET 0) AS later
WHERE level <= $2 AND position > $3 AND position <= $4
ORDER BY position, line LIMIT $7

-- name: ended_documents
-- The keys of documents of which a version ended between two positions (exclusive, inclusive), whatever followed it,
-- and where the last one did.
-- $1 build smallint
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
SELECT key, max(to_position) AS to_position FROM documents
WHERE build = $1 AND level <= $2 AND to_position > $3 AND to_position <= $4
GROUP BY key

-- name: names_of
-- What some values of some dimensions are called, for a clearance, at a position.
-- $1 build smallint
-- $2 dimensions text[]
-- $3 values text[]
-- $4 clearance smallint
-- $5 position bigint
SELECT DISTINCT ON (dimension, value) dimension, value, name FROM names
WHERE build = $1 AND dimension = ANY($2) AND value = ANY($3) AND level <= $4 AND position <= $5
ORDER BY dimension, value, position, level
