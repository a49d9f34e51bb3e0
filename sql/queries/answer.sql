-- name: builds
-- The active builds.
SELECT build, projection, version, base, positions, state, shape FROM builds WHERE state = 'active'

-- name: subject
-- What stood of a stream's subject at a position, for a clearance. Of each marking only the last version that had begun
-- is looked at: there may be thousands.
-- $1 stream text
-- $2 clearance smallint
-- $3 position bigint
SELECT s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM builds b
CROSS JOIN generate_series(0, $2::smallint) AS marking (level)
CROSS JOIN LATERAL (
    SELECT * FROM subjects v
    WHERE v.build = b.build AND v.stream = $1 AND v.level = marking.level::smallint AND v.from_position <= $3
    ORDER BY from_position DESC LIMIT 1
) AS s
WHERE b.projection = 'subjects' AND b.state = 'active' AND (s.to_position IS NULL OR s.to_position > $3)
ORDER BY s.level DESC LIMIT 1

-- name: category
-- What stood of the subjects of a category at a position, for a clearance, the latest last.
-- $1 category text
-- $2 clearance smallint
-- $3 position bigint
SELECT stream, body, build, level, from_position, rests_on, lists FROM (
    SELECT DISTINCT ON (stream) * FROM subjects
    WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
      AND stream >= $1 || ':' AND stream < $1 || ';' AND level <= $2
      AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
    ORDER BY stream, level DESC
) AS standing ORDER BY from_position

-- name: placed
-- Of some streams those that may have happened between two instants and near a place, as of a position: an event of
-- theirs tells of the same place or of one in a box around it or, where the place has no id, of one that has none, with
-- what is kept of that place. An amendment may tell another time than its own. And those that a merge gave others'
-- events.
-- $1 streams text[]
-- $2 position bigint
-- $3 since timestamptz
-- $4 until timestamptz
-- $5 place_id text
-- $6 lat double precision
-- $7 lon double precision
-- $8 height double precision
-- $9 width double precision
WITH there AS (
    SELECT stream, meta, place_id = $5 OR (
               abs(lat - $6) <= $8 AND least(abs(lon - $7), 360 - abs(lon - $7)) <= $9
           ) AS near,
           $5 IS NULL AND place_id IS NULL AND meta LIKE '%"place":{%' AS named
    FROM events
    WHERE position <= $2 AND stream = ANY(ARRAY( -- by its index, however many they are
        SELECT stream FROM events WHERE stream = ANY($1) AND position <= $2
        GROUP BY stream
        HAVING (max(occurred_until) >= $3 AND min(occurred_from) <= $4) OR bool_or(type = 'record.amended')
    ))
)
SELECT DISTINCT stream, CASE WHEN near IS NOT TRUE THEN meta::json ->> 'place' END AS place
FROM there WHERE near OR named
UNION
SELECT survivor, NULL FROM merge_links WHERE survivor = ANY($1) AND position <= $2

-- name: subjects
-- What stood of some streams' subjects at a position, for a clearance.
-- $1 streams text[]
-- $2 clearance smallint
-- $3 position bigint
SELECT DISTINCT ON (stream) s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM subjects s
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND stream = ANY($1) AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
ORDER BY stream, level DESC

-- name: history
-- The versions of a stream's subject that a clearance saw up to a position, save those that one at a higher marking
-- hid when they began. What ended one only later is not known then.
-- $1 stream text
-- $2 clearance smallint
-- $3 position bigint
-- $4 after bigint
-- $5 limit bigint
SELECT from_position, CASE WHEN to_position <= $3 THEN to_position END AS to_position, restated,
       stream, body, build, level, rests_on, lists
FROM subjects s
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND stream = $1 AND level <= $2 AND from_position <= $3 AND from_position > $4
  AND NOT EXISTS (SELECT FROM subjects h
                  WHERE h.build = s.build AND h.stream = $1 AND h.level > s.level AND h.level <= $2 AND h.from_position <= s.from_position
                    AND (h.to_position IS NULL OR h.to_position > s.from_position))
ORDER BY from_position LIMIT $5

-- name: documents
-- What stood of documents at a position, for a clearance; all of them, or some keys.
-- $1 build smallint
-- $2 clearance smallint
-- $3 position bigint
-- $4 keys text[]
SELECT DISTINCT ON (key) key, body, from_position, restated, left_out, on_read, level FROM documents
WHERE build = $1 AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
  AND ($4::text[] IS NULL OR key = ANY($4))
ORDER BY key, level DESC

-- name: documents_after
-- The same of those whose keys come after one, in the order of their keys.
-- $1 build smallint
-- $2 clearance smallint
-- $3 position bigint
-- $4 after text
-- $5 limit bigint
SELECT DISTINCT ON (key) key, body, from_position, restated, left_out, on_read, level FROM documents
WHERE build = $1 AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3) AND key > $4
ORDER BY key, level DESC LIMIT $5

-- name: members
-- The subjects that made a document at a position, for a marking, in the order of their streams.
-- $1 build smallint
-- $2 base smallint
-- $3 key text
-- $4 level smallint
-- $5 position bigint
SELECT DISTINCT ON (s.stream) s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM document_members m
JOIN subjects s ON s.build = $2 AND s.stream = m.stream AND s.level <= $4
    AND s.from_position <= $5 AND (s.to_position IS NULL OR s.to_position > $5)
WHERE m.build = $1 AND m.key = $3 AND m.from_position <= $5 AND (m.to_position IS NULL OR m.to_position > $5)
  AND NOT EXISTS (SELECT FROM parked p
                  WHERE p.build = $1 AND p.stream = m.stream AND p.level <= s.level
                    AND p.from_position <= $5 AND (p.to_position IS NULL OR p.to_position > $5))
ORDER BY s.stream, s.level DESC

-- name: touched_documents
-- The keys of documents that changed between two positions (exclusive, inclusive), with the last change of each.
-- $1 build smallint
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
SELECT DISTINCT ON (key) key, from_position, restated FROM documents
WHERE build = $1 AND level <= $2 AND from_position > $3 AND from_position <= $4
ORDER BY key, from_position DESC

-- name: names
-- What values are called, for a clearance, at a position.
-- $1 build smallint
-- $2 clearance smallint
-- $3 position bigint
SELECT DISTINCT ON (dimension, value) dimension, value, name FROM names
WHERE build = $1 AND level <= $2 AND position <= $3
ORDER BY dimension, value, position, level

-- name: standing
-- What stood of the subjects at a position, for a clearance, by stream: those whose streams lie between two texts, which
-- are not among them. A category's lie between `strike:` and `strike;`.
-- $1 after text
-- $2 before text
-- $3 clearance smallint
-- $4 position bigint
-- $5 limit bigint
SELECT DISTINCT ON (stream) s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM subjects s
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND stream > $1 AND stream < $2 AND level <= $3 AND from_position <= $4 AND (to_position IS NULL OR to_position > $4)
ORDER BY stream, level DESC LIMIT $5

-- name: standing_of
-- The same of some streams.
-- $1 streams text[]
-- $2 clearance smallint
-- $3 position bigint
SELECT DISTINCT ON (stream) s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM subjects s
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND stream = ANY($1) AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
ORDER BY stream, level DESC
