-- name: segments
-- The segments of some builds with lines after one position and up to another, in order.
-- $1 builds smallint[]
-- $2 after bigint
-- $3 upto bigint
SELECT build, body FROM segments
WHERE build = ANY($1) AND last_position > $2 AND first_position <= $3
ORDER BY build, last_position

-- name: names
-- What some values of some dimensions are called at a position, for every marking.
-- $1 builds smallint[]
-- $2 dimensions text[]
-- $3 values text[]
-- $4 position bigint
SELECT n.build, n.dimension, n.value, n.level, n.position, n.name
FROM names n
JOIN unnest($1::smallint[], $2::text[], $3::text[]) AS wanted (build, dimension, value)
  ON n.build = wanted.build AND n.dimension = wanted.dimension AND n.value = wanted.value
WHERE n.position <= $4
ORDER BY n.position, n.level

-- name: documents
-- Of the documents that changed, or of which a version ended, between two positions (exclusive, inclusive), all that
-- stood after the first one, for every marking; of what stands no more at the second, not the bodies.
-- $1 builds smallint[]
-- $2 after bigint
-- $3 upto bigint
SELECT build, key, level, from_position, CASE WHEN to_position <= $3 THEN to_position END AS to_position, restated,
       CASE WHEN to_position IS NULL OR to_position > $3 THEN body END AS body, left_out, on_read
FROM documents
WHERE (build, key) IN (SELECT build, key FROM documents WHERE build = ANY($1) AND from_position > $2 AND from_position <= $3
                       UNION
                       SELECT build, key FROM documents WHERE build = ANY($1) AND to_position > $2 AND to_position <= $3)
  AND from_position <= $3 AND (to_position IS NULL OR to_position > $2)
ORDER BY build, key, from_position, level

-- name: place
-- In which database the log is, on whichever of its servers: a copy of it elsewhere is another one.
SELECT system_identifier, oid::bigint, current_schema() FROM pg_control_system(), pg_database
WHERE datname = current_database()
