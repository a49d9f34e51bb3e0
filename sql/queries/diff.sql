-- name: touched_groups
-- Groups of a ledger with a booking after one position and up to another that counts at an instant, by their keys; of
-- each the last positions booked at, newest first. Grouped and narrowed as `totals` in answer.sql.
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
-- $22 after_key text
-- $23 limit bigint
-- $24 causes integer
SELECT * FROM (
    SELECT dimensions[($6::integer[])[1]], dimensions[($6::integer[])[2]], dimensions[($6::integer[])[3]],
           dimensions[($6::integer[])[4]], dimensions[($6::integer[])[5]], dimensions[($6::integer[])[6]],
           dimensions[($6::integer[])[7]], dimensions[($6::integer[])[8]],
           (array_agg(DISTINCT position ORDER BY position DESC))[1:$24::integer] AS positions
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
) AS touched (d1, d2, d3, d4, d5, d6, d7, d8, positions)
CROSS JOIN LATERAL (
    SELECT array_to_string((ARRAY[d1, d2, d3, d4, d5, d6, d7, d8])[1:cardinality($6::integer[])], '|', '')
        COLLATE "C" AS key
) AS named
WHERE $22::text IS NULL OR key > $22
ORDER BY key LIMIT $23

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
-- The last booking and the last version of each of some builds after one position and up to another; null where there
-- was none.
-- $1 builds smallint[]
-- $2 clearance smallint
-- $3 after bigint
-- $4 upto bigint
SELECT b.build,
       greatest(
           (SELECT max(position) FROM ledger l
            WHERE l.build = b.build AND level <= $2 AND position > $3 AND position <= $4),
           (SELECT max(from_position) FROM documents d
            WHERE d.build = b.build AND level <= $2 AND from_position > $3 AND from_position <= $4)
       ) AS position
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
SELECT DISTINCT ON (stream) s.stream, s.body, s.build, s.level, s.rests_on, s.lists
FROM subjects s
WHERE build = (SELECT build FROM builds WHERE projection = 'subjects' AND state = 'active')
  AND stream = ANY($1) AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
ORDER BY stream, level DESC
