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

-- name: event_at
-- The event at a position, how it was marked when it was sent, and whether anything is said about its stream's records, which
-- may have marked it otherwise; no row where there is none.
-- $1 position bigint
SELECT event_id, tlp,
       EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type ~ '^(record|evidence|custody)[.]') AS said
FROM events e WHERE position = $1
