-- name: read
-- The next segments of a build with lines after one position and up to another, in order: some, and what else is in the
-- stretch of the last one; of periods, those with lines of their days, or of days that are not known; by an instant, those
-- with lines that count by then, or nobody knows. Of those that the reader has already, not the lines.
-- $1 build smallint
-- $2 after bigint
-- $3 upto bigint
-- $4 later_than timestamptz
-- $5 known uuid[]
-- $6 known_last bigint[]
-- $7 limit bigint
-- $8 stretch bigint
-- $9 since date[]
-- $10 until date[]
-- $11 at timestamptz
SELECT uid, last_position,
       CASE WHEN (uid, last_position) NOT IN (SELECT * FROM unnest($5::uuid[], $6::bigint[])) THEN body END AS body
FROM segments
WHERE build = $1 AND last_position > $2 AND first_position <= $3 AND ($4::timestamptz IS NULL OR latest > $4)
  AND ($11::timestamptz IS NULL OR earliest IS NULL OR earliest <= $11)
  AND (cardinality($9::date[]) = 0 OR first_day IS NULL
       OR EXISTS (SELECT FROM unnest($9, $10::date[]) AS period (since, until) WHERE first_day <= until AND last_day >= since))
  AND last_position <= (
      SELECT (max(last_position) + $8 - 1) / $8 * $8
      FROM (SELECT last_position FROM segments
            WHERE build = $1 AND last_position > $2 AND first_position <= $3 AND ($4::timestamptz IS NULL OR latest > $4)
              AND ($11::timestamptz IS NULL OR earliest IS NULL OR earliest <= $11)
              AND (cardinality($9::date[]) = 0 OR first_day IS NULL
                   OR EXISTS (SELECT FROM unnest($9, $10::date[]) AS period (since, until) WHERE first_day <= until AND last_day >= since))
            ORDER BY last_position LIMIT $7) AS next
  )
ORDER BY last_position

-- name: newest
-- The last segment of a build with lines after one position and up to another, that ends before a third.
-- $1 build smallint
-- $2 after bigint
-- $3 upto bigint
-- $4 before bigint
SELECT last_position, body FROM segments
WHERE build = $1 AND last_position > $2 AND first_position <= $3 AND last_position < $4
ORDER BY last_position DESC LIMIT 1

-- name: page
-- The segments of a build in the next stretch after a position in which there are any, in order.
-- $1 build smallint
-- $2 upto bigint
-- $3 after bigint
-- $4 stretch bigint
SELECT first_position, last_position, latest, first_day, last_day, earliest, body FROM segments
WHERE build = $1 AND first_position <= $2 AND last_position > $3
  AND last_position <= (
      SELECT (min(last_position) + $4 - 1) / $4 * $4 FROM segments
      WHERE build = $1 AND first_position <= $2 AND last_position > $3
  )
ORDER BY last_position

-- name: loose
-- How many segments of some builds are not merged, by the stretch of so many positions in which they are, and where
-- the stretch ends.
-- $1 builds smallint[]
-- $2 stretch bigint
SELECT build, (first_position - 1) / $2 * $2 + $2 AS ends, count(*) AS loose FROM segments
WHERE build = ANY($1) AND NOT merged GROUP BY 1, 2 ORDER BY 2, 1

-- name: take
-- Take segments of a build out that lie after one position and up to another; those that were merged already, or not.
-- None of a build that is dropped; who drops it waits for what is put in their place, and deletes that as well.
-- $1 build smallint
-- $2 after bigint
-- $3 upto bigint
-- $4 merged_too boolean
DELETE FROM segments
WHERE build = (SELECT b.build FROM builds b WHERE b.build = $1 AND b.state <> 'dropped' FOR KEY SHARE)
  AND first_position > $2 AND last_position > $2 AND last_position <= $3 AND ($4 OR NOT merged)
RETURNING first_position, last_position, latest, body

-- name: put
-- Put the lines of others in as one segment.
-- $1 build smallint
-- $2 first_position bigint
-- $3 last_position bigint
-- $4 latest timestamptz
-- $5 first_day date
-- $6 last_day date
-- $7 earliest timestamptz
-- $8 body bytea
INSERT INTO segments (build, first_position, last_position, latest, first_day, last_day, earliest, merged, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8)
