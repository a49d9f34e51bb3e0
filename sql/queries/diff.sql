-- name: touched_documents
-- The last positions, newest first, at which documents became other ones, after one position and up to another.
-- $1 build smallint
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
-- $5 keys text[]
-- $6 causes integer
SELECT key, (array_agg(DISTINCT from_position ORDER BY from_position DESC))[1:$6::integer] AS positions
FROM documents
WHERE build = $1 AND level <= $2 AND from_position > $3 AND from_position <= $4 AND key = ANY($5)
GROUP BY key

-- name: touched_builds
-- The last version of a document of each of some builds after one position and up to another; null where there was none.
-- $1 builds smallint[]
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
SELECT b.build,
       (SELECT max(from_position) FROM documents d
        WHERE d.build = b.build AND level <= $2 AND from_position > $3 AND from_position <= $4) AS position
FROM unnest($1::smallint[]) AS b (build)

-- name: touched_subjects
-- Streams whose subject became another one after one position and up to another, by name; of each the last positions
-- at which it did, newest first.
-- $1 clearance smallint
-- $2 after bigint
-- $3 upto bigint
-- $4 after_stream text
-- $5 streams text[]
-- $6 limit bigint
-- $7 causes integer
SELECT stream, (array_agg(DISTINCT from_position ORDER BY from_position DESC))[1:$7::integer] AS positions
FROM subjects
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND level <= $1 AND from_position > $2 AND from_position <= $3
  AND ($4::text IS NULL OR stream > $4) AND ($5::text[] IS NULL OR stream = ANY($5))
GROUP BY stream ORDER BY stream LIMIT $6

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

-- name: causes
-- Which events are at some positions, and how they were marked when they were sent.
-- $1 positions bigint[]
SELECT position, event_id, type, stream, tlp FROM events WHERE position = ANY($1)

-- name: remarked
-- Those of some streams in which events were marked otherwise since.
-- $1 streams text[]
SELECT DISTINCT stream FROM events WHERE stream = ANY($1) AND type = 'record.remarked'
