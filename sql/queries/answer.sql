-- name: builds
-- The active builds.
SELECT build, projection, version, base, position, state, shape FROM builds WHERE state = 'active'

-- name: subject
-- What stood of a stream's subject at a position, for a clearance.
-- $1 stream text
-- $2 clearance smallint
-- $3 position bigint
SELECT s.stream, s.body, s.build, s.level, s.rests_on, s.lists
FROM subjects s
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND stream = $1 AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
ORDER BY level DESC LIMIT 1

-- name: category
-- What stood of the subjects of a category at a position, for a clearance, the latest last.
-- $1 category text
-- $2 clearance smallint
-- $3 position bigint
SELECT stream, body, build, level, rests_on, lists FROM (
    SELECT DISTINCT ON (stream) * FROM subjects
    WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
      AND stream >= $1 || ':' AND stream < $1 || ';' AND level <= $2
      AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
    ORDER BY stream, level DESC
) AS standing ORDER BY from_position

-- name: around
-- Streams of a category of which something happened between two instants (inclusive, exclusive), for a clearance, as of
-- a position: found in the daily timeline, which has a line for every event.
-- $1 build smallint
-- $2 category text
-- $3 since timestamptz
-- $4 until timestamptz
-- $5 clearance smallint
-- $6 position bigint
-- $7 limit bigint
SELECT DISTINCT stream FROM ledger
WHERE build = $1 AND at >= $3 AND at < $4 AND stream >= $2 || ':' AND stream < $2 || ';'
  AND level <= $5 AND position <= $6
LIMIT $7

-- name: subjects
-- What stood of some streams' subjects at a position, for a clearance.
-- $1 streams text[]
-- $2 clearance smallint
-- $3 position bigint
SELECT DISTINCT ON (stream) s.stream, s.body, s.build, s.level, s.rests_on, s.lists
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

-- name: members
-- The subjects that made a document at a position, for a marking, in the order of their streams.
-- $1 build smallint
-- $2 base smallint
-- $3 key text
-- $4 level smallint
-- $5 position bigint
SELECT DISTINCT ON (s.stream) s.stream, s.body, s.build, s.level, s.rests_on, s.lists
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

-- name: totals
-- Sums of a ledger's bookings after one position and up to another, at an instant of the world, by up to eight
-- dimensions, narrowed by up to six and by a range of one. A dimension's number of null is left out. `mark` is the
-- last booking's position, doubled, plus one when it restated something: one maximum says both.
-- $1 build smallint
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
-- $5 at timestamptz
-- $6 by_dimensions integer[]
-- $7 where_1 integer
-- $8 values_1 text[]
-- $9 where_2 integer
-- $10 values_2 text[]
-- $11 where_3 integer
-- $12 values_3 text[]
-- $13 where_4 integer
-- $14 values_4 text[]
-- $15 where_5 integer
-- $16 values_5 text[]
-- $17 where_6 integer
-- $18 values_6 text[]
-- $19 range integer
-- $20 since text
-- $21 until text
SELECT dimensions[($6::integer[])[1]], dimensions[($6::integer[])[2]], dimensions[($6::integer[])[3]],
       dimensions[($6::integer[])[4]], dimensions[($6::integer[])[5]], dimensions[($6::integer[])[6]],
       dimensions[($6::integer[])[7]], dimensions[($6::integer[])[8]],
       max(position * 2 + restated::integer) AS mark,
       sum(amounts[1])::bigint, sum(amounts[2])::bigint, sum(amounts[3])::bigint, sum(amounts[4])::bigint,
       sum(amounts[5])::bigint, sum(amounts[6])::bigint, sum(amounts[7])::bigint, sum(amounts[8])::bigint,
       sum(amounts[9])::bigint, sum(amounts[10])::bigint, sum(amounts[11])::bigint, sum(amounts[12])::bigint,
       sum(amounts[13])::bigint, sum(amounts[14])::bigint, sum(amounts[15])::bigint, sum(amounts[16])::bigint,
       sum(amounts[17])::bigint, sum(amounts[18])::bigint, sum(amounts[19])::bigint, sum(amounts[20])::bigint
FROM ledger
WHERE build = $1 AND level <= $2 AND position > $3 AND position <= $4 AND at <= $5
  AND ($7::integer IS NULL OR dimensions[$7] = ANY($8::text[]))
  AND ($9::integer IS NULL OR dimensions[$9] = ANY($10::text[]))
  AND ($11::integer IS NULL OR dimensions[$11] = ANY($12::text[]))
  AND ($13::integer IS NULL OR dimensions[$13] = ANY($14::text[]))
  AND ($15::integer IS NULL OR dimensions[$15] = ANY($16::text[]))
  AND ($17::integer IS NULL OR dimensions[$17] = ANY($18::text[]))
  AND ($19::integer IS NULL OR (dimensions[$19] >= $20::text AND dimensions[$19] < $21::text))
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8

-- name: details
-- The lines of a ledger under some values of its first dimension, up to a position, whenever they count; each summed,
-- since what was taken back is booked again with minus. `mark` is as in `totals`.
-- $1 build smallint
-- $2 clearance smallint
-- $3 upto bigint
-- $4 values text[]
SELECT dimensions, max(position * 2 + restated::integer) AS mark, sum(amounts[1])::bigint, sum(amounts[2])::bigint,
       sum(amounts[3])::bigint, sum(amounts[4])::bigint
FROM ledger
WHERE build = $1 AND level <= $2 AND position <= $3 AND dimensions[1] = ANY($4)
GROUP BY dimensions

-- name: detailed
-- What was booked under between two positions (exclusive, inclusive): the values of the first two dimensions, with the
-- last booking's mark.
-- $1 build smallint
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
SELECT dimensions[1], dimensions[2], max(position * 2 + restated::integer) AS mark FROM ledger
WHERE build = $1 AND level <= $2 AND position > $3 AND position <= $4
GROUP BY 1, 2
