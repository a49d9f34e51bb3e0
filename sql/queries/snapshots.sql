-- name: newest
-- The newest snapshot of a rollup up to a position, of what counted by an instant of the world.
-- $1 build smallint
-- $2 rollup smallint
-- $3 upto bigint
-- $4 at timestamptz
SELECT position, counted_by FROM snapshots WHERE build = $1 AND rollup = $2 AND position <= $3 AND counted_by <= $4
ORDER BY position DESC LIMIT 1

-- name: totals
-- Sums of a snapshot, as `totals` of answer.sql has those of a ledger; dimensions are numbered as the rollup has them.
-- $1 build smallint
-- $2 rollup smallint
-- $3 position bigint
-- $4 clearance smallint
-- $5 by_dimensions integer[]
-- $6 where_1 integer
-- $7 values_1 text[]
-- $8 where_2 integer
-- $9 values_2 text[]
-- $10 where_3 integer
-- $11 values_3 text[]
-- $12 where_4 integer
-- $13 values_4 text[]
-- $14 where_5 integer
-- $15 values_5 text[]
-- $16 where_6 integer
-- $17 values_6 text[]
-- $18 range integer
-- $19 since text
-- $20 until text
SELECT dimensions[($5::integer[])[1]], dimensions[($5::integer[])[2]], dimensions[($5::integer[])[3]],
       dimensions[($5::integer[])[4]], dimensions[($5::integer[])[5]], dimensions[($5::integer[])[6]],
       dimensions[($5::integer[])[7]], dimensions[($5::integer[])[8]],
       max(mark) AS mark,
       sum(amounts[1])::bigint, sum(amounts[2])::bigint, sum(amounts[3])::bigint, sum(amounts[4])::bigint,
       sum(amounts[5])::bigint, sum(amounts[6])::bigint, sum(amounts[7])::bigint, sum(amounts[8])::bigint,
       sum(amounts[9])::bigint, sum(amounts[10])::bigint, sum(amounts[11])::bigint,
       sum(amounts[12])::bigint, sum(amounts[13])::bigint, sum(amounts[14])::bigint,
       sum(amounts[15])::bigint, sum(amounts[16])::bigint, sum(amounts[17])::bigint,
       sum(amounts[18])::bigint, sum(amounts[19])::bigint, sum(amounts[20])::bigint
FROM snapshot_totals
WHERE build = $1 AND rollup = $2 AND position = $3 AND level <= $4
  AND ($6::integer IS NULL OR dimensions[$6] = ANY($7::text[]))
  AND ($8::integer IS NULL OR dimensions[$8] = ANY($9::text[]))
  AND ($10::integer IS NULL OR dimensions[$10] = ANY($11::text[]))
  AND ($12::integer IS NULL OR dimensions[$12] = ANY($13::text[]))
  AND ($14::integer IS NULL OR dimensions[$14] = ANY($15::text[]))
  AND ($16::integer IS NULL OR dimensions[$16] = ANY($17::text[]))
  AND ($18::integer IS NULL OR (dimensions[$18] >= $19::text AND dimensions[$18] < $20::text))
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8

-- name: late
-- Bookings up to a position that count only later than an instant, and by another. The instants are looked up first,
-- whatever the planner thinks of the positions: there are few.
-- $1 build smallint
-- $2 clearance smallint
-- $3 upto bigint
-- $4 later_than timestamptz
-- $5 at timestamptz
-- $6 limit bigint
SELECT position, level, stream, at, dimensions, amounts, restated
FROM (SELECT * FROM ledger WHERE build = $1 AND at > $4 AND at <= $5 OFFSET 0) AS late
WHERE level <= $2 AND position <= $3 LIMIT $6

-- name: last
-- The newest snapshot of each rollup of a build, and how many totals it has.
-- $1 build smallint
SELECT DISTINCT ON (rollup) rollup, position, counted_by, totals FROM snapshots
WHERE build = $1 ORDER BY rollup, position DESC

-- name: recorded_at
-- When the event at a position was recorded.
-- $1 position bigint
SELECT recorded_at FROM commits WHERE last_position >= $1 ORDER BY last_position LIMIT 1

-- name: take
-- A snapshot of a rollup, from the one before it (or from nothing) and what was booked since, or counts since.
-- $1 build smallint
-- $2 rollup smallint
-- $3 dimensions integer[]
-- $4 before bigint
-- $5 counted_before timestamptz
-- $6 position bigint
-- $7 counted_by timestamptz
WITH lines AS (
    SELECT level, mark, amounts,
           dimensions[1] AS d1, dimensions[2] AS d2, dimensions[3] AS d3, dimensions[4] AS d4, dimensions[5] AS d5, dimensions[6] AS d6,
           dimensions[7] AS d7, dimensions[8] AS d8
    FROM snapshot_totals WHERE build = $1 AND rollup = $2 AND position = $4
    UNION ALL
    SELECT level, position * 2 + restated::integer, amounts,
           dimensions[($3::integer[])[1]], dimensions[($3::integer[])[2]], dimensions[($3::integer[])[3]],
           dimensions[($3::integer[])[4]], dimensions[($3::integer[])[5]], dimensions[($3::integer[])[6]],
           dimensions[($3::integer[])[7]], dimensions[($3::integer[])[8]]
    FROM ledger WHERE build = $1 AND position > $4 AND position <= $6 AND at <= $7
    UNION ALL
    SELECT level, position * 2 + restated::integer, amounts,
           dimensions[($3::integer[])[1]], dimensions[($3::integer[])[2]], dimensions[($3::integer[])[3]],
           dimensions[($3::integer[])[4]], dimensions[($3::integer[])[5]], dimensions[($3::integer[])[6]],
           dimensions[($3::integer[])[7]], dimensions[($3::integer[])[8]]
    FROM (SELECT * FROM ledger WHERE $4 > 0 AND build = $1 AND at > $5 AND at <= $7 OFFSET 0) AS late
    WHERE position <= $4
), summed AS (
    INSERT INTO snapshot_totals (build, rollup, position, level, mark, dimensions, amounts)
    SELECT $1, $2, $6, level, max(mark), ARRAY[d1, d2, d3, d4, d5, d6, d7, d8],
           ARRAY[
             sum(amounts[1])::bigint, sum(amounts[2])::bigint, sum(amounts[3])::bigint, sum(amounts[4])::bigint,
             sum(amounts[5])::bigint, sum(amounts[6])::bigint, sum(amounts[7])::bigint, sum(amounts[8])::bigint,
             sum(amounts[9])::bigint, sum(amounts[10])::bigint, sum(amounts[11])::bigint,
             sum(amounts[12])::bigint, sum(amounts[13])::bigint, sum(amounts[14])::bigint,
             sum(amounts[15])::bigint, sum(amounts[16])::bigint, sum(amounts[17])::bigint,
             sum(amounts[18])::bigint, sum(amounts[19])::bigint, sum(amounts[20])::bigint
           ]
    FROM lines GROUP BY level, d1, d2, d3, d4, d5, d6, d7, d8
    RETURNING 1
)
INSERT INTO snapshots (build, rollup, position, counted_by, totals)
SELECT $1, $2, $6, $7, count(*) FROM summed
