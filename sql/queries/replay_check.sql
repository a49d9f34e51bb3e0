-- name: scratch
-- Tables in the session's own schema, which is searched first and gone with the session, for all that the runner writes:
-- whatever there is but the log itself.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname NOT IN ('log', 'commits', 'events')
          AND has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
    LOOP
        EXECUTE format('CREATE TEMP TABLE %1$I (LIKE %1$I INCLUDING ALL)', name);
    END LOOP;
END
$$

-- name: analyze
-- Let the planner know how large the scratch tables have grown: nothing else tells it of them.
ANALYZE subjects, merge_links, segments, names, documents, document_members

-- name: subjects
-- Rows of a build as they stood at a position, after a key and in the order of their keys; what ended them only later
-- is not known then. The row is its text, byte by byte.
-- $1 build smallint
-- $2 position bigint
-- $3 stream text
-- $4 level smallint
-- $5 from_position bigint
-- $6 limit bigint
SELECT stream, level, from_position,
       ROW(stream, level, from_position, CASE WHEN to_position <= $2 THEN to_position END, restated, body, rests_on, lists)::text AS row
FROM subjects
WHERE build = $1 AND from_position <= $2 AND (stream, level, from_position) > ($3, $4, $5)
ORDER BY stream, level, from_position LIMIT $6

-- name: names
-- As above.
-- $1 build smallint
-- $2 position bigint
-- $3 dimension text
-- $4 value text
-- $5 level smallint
-- $6 limit bigint
SELECT dimension, value, level, ROW(dimension, value, level, position, name)::text AS row
FROM names
WHERE build = $1 AND position <= $2 AND (dimension, value, level) > ($3, $4, $5)
ORDER BY dimension, value, level LIMIT $6

-- name: documents
-- As above.
-- $1 build smallint
-- $2 position bigint
-- $3 key text
-- $4 level smallint
-- $5 from_position bigint
-- $6 limit bigint
SELECT key, level, from_position,
       ROW(key, level, from_position, CASE WHEN to_position <= $2 THEN to_position END, restated, body, left_out,
           on_read)::text AS row
FROM documents
WHERE build = $1 AND from_position <= $2 AND (key, level, from_position) > ($3, $4, $5)
ORDER BY key, level, from_position LIMIT $6

-- name: document_members
-- As above.
-- $1 build smallint
-- $2 position bigint
-- $3 key text
-- $4 stream text
-- $5 from_position bigint
-- $6 limit bigint
SELECT key, stream, from_position,
       ROW(key, stream, from_position, CASE WHEN to_position <= $2 THEN to_position END)::text AS row
FROM document_members
WHERE build = $1 AND from_position <= $2 AND (key, stream, from_position) > ($3, $4, $5)
ORDER BY key, stream, from_position LIMIT $6

-- name: parked
-- As above. What somebody wished for them, and why they were parked, is not compared.
-- $1 build smallint
-- $2 position bigint
-- $3 stream text
-- $4 from_position bigint
-- $5 limit bigint
SELECT stream, from_position, ROW(stream, from_position, level)::text AS row
FROM parked
WHERE build = $1 AND from_position <= $2 AND (stream, from_position) > ($3, $4)
ORDER BY stream, from_position LIMIT $5

-- name: snapshots
-- The snapshots of a build up to a position, in order.
-- $1 build smallint
-- $2 upto bigint
SELECT rollup, position, after, counted_by FROM snapshots WHERE build = $1 AND position <= $2 ORDER BY 1, 2

-- name: beyond
-- Rows of a build that lie beyond all that was folded: nobody is told of them yet, and with the next events all would be.
-- $1 build smallint
WITH reached AS (SELECT (SELECT max(one) FROM unnest(positions) AS one) AS position FROM builds WHERE build = $1)
SELECT 'subjects' AS name, ARRAY[stream, level::text, from_position::text] AS key, s::text AS row
FROM subjects s, reached r WHERE build = $1 AND (from_position > r.position OR to_position > r.position)
UNION ALL
SELECT 'names', ARRAY[dimension, value, level::text], n::text
FROM names n, reached r WHERE build = $1 AND n.position > r.position
UNION ALL
SELECT 'documents', ARRAY[key, level::text, from_position::text], d::text
FROM documents d, reached r WHERE build = $1 AND (from_position > r.position OR to_position > r.position)
UNION ALL
SELECT 'document_members', ARRAY[key, stream, from_position::text], m::text
FROM document_members m, reached r WHERE build = $1 AND (from_position > r.position OR to_position > r.position)
UNION ALL
SELECT 'parked', ARRAY[stream, from_position::text], p::text
FROM parked p, reached r WHERE build = $1 AND from_position > r.position
UNION ALL
SELECT 'segments', ARRAY[last_position::text], ROW(first_position, last_position, latest, first_day, last_day, earliest)::text
FROM segments, reached r WHERE build = $1 AND last_position > r.position
UNION ALL
SELECT 'snapshots', ARRAY[rollup, s.position::text], ROW(rollup, s.position, after, counted_by)::text
FROM snapshots s, reached r WHERE build = $1 AND s.position > r.position
ORDER BY 1, 2

-- name: taken
-- Which snapshots a build has, as they are taken when there is time for it.
-- $1 build smallint
SELECT rollup, position FROM snapshots WHERE build = $1

-- name: keep_taken
-- Leave out the scratch snapshots that what is served has not taken yet.
-- $1 build smallint
-- $2 rollups text[]
-- $3 positions bigint[]
DELETE FROM snapshots s
WHERE build = $1 AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::bigint[]) AS t (rollup, position)
                                 WHERE t.rollup = s.rollup AND t.position = s.position)

-- name: told
-- Versions that have a text, up to a position, after a key and in the order of their keys.
-- $1 build smallint
-- $2 position bigint
-- $3 stream text
-- $4 level smallint
-- $5 from_position bigint
-- $6 limit bigint
SELECT stream, level, from_position FROM subjects
WHERE build = $1 AND from_position <= $2 AND body IS NOT NULL AND (stream, level, from_position) > ($3, $4, $5)
ORDER BY stream, level, from_position LIMIT $6

-- name: untold
-- Those of some versions that have none.
-- $1 build smallint
-- $2 streams text[]
-- $3 levels smallint[]
-- $4 from_positions bigint[]
SELECT s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS c (stream, level, from_position)
JOIN subjects s ON s.build = $1 AND s.stream = c.stream AND s.level = c.level AND s.from_position = c.from_position
WHERE s.body IS NULL
ORDER BY s.stream, s.from_position

-- name: tell
-- Give versions a text.
-- $1 build smallint
-- $2 streams text[]
-- $3 levels smallint[]
-- $4 from_positions bigint[]
-- $5 bodies text[]
UPDATE subjects s SET body = c.body
FROM unnest($2::text[], $3::smallint[], $4::bigint[], $5::text[]) AS c (stream, level, from_position, body)
WHERE s.build = $1 AND s.stream = c.stream AND s.level = c.level AND s.from_position = c.from_position
