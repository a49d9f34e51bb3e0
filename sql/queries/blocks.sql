-- name: hold
-- Let nobody else write blocks up to the end of the transaction; readers do not wait. Whoever comes after sees what was
-- erased before: a statement sees what was committed when it began.
LOCK TABLE blocks IN SHARE ROW EXCLUSIVE MODE

-- name: write
-- Write the next whole blocks that are not there, at most so many; how many there were.
-- $1 limit bigint
WITH following AS (SELECT coalesce(max(block) + 1, 0) AS block FROM blocks), written AS (
    INSERT INTO blocks
    SELECT made.* FROM following CROSS JOIN LATERAL blocks_of_events(following.block, following.block + $1 - 1) AS made
    RETURNING 1
)
SELECT count(*) FROM written

-- name: write_again
-- Write the block of a position again, where it is there.
-- $1 position bigint
UPDATE blocks b SET terms = made.terms, earliest = made.earliest, latest = made.latest
FROM blocks_of_events(($1::bigint - 1) / 256, ($1::bigint - 1) / 256) AS made
WHERE b.block = made.block

-- name: passing
-- The next blocks that may have events of these terms and of this time, and up to which there are any. OFFSET 0 skips
-- nothing: with it they are found by their terms, whatever the planner thinks of how few lie between two.
-- $1 first bigint
-- $2 last bigint
-- $3 terms tsquery
-- $4 since timestamptz
-- $5 until timestamptz
-- $6 limit bigint
SELECT (SELECT max(block) FROM blocks), ARRAY(
    SELECT block FROM (SELECT block, earliest, latest FROM blocks WHERE terms @@ $3 OFFSET 0) AS found
    WHERE block BETWEEN $1 AND $2
      AND ($4::timestamptz IS NULL OR latest >= $4) AND ($5::timestamptz IS NULL OR earliest < $5)
    ORDER BY block LIMIT $6
)

-- name: wrong
-- Which of the blocks from one to another are not what the events say; those after the last one may be missing.
-- $1 first bigint
-- $2 last bigint
SELECT coalesce(b.block, made.block)
FROM (SELECT * FROM blocks WHERE block BETWEEN $1 AND $2) AS b
FULL JOIN blocks_of_events($1, $2) AS made USING (block)
WHERE (b.terms, b.earliest, b.latest) IS DISTINCT FROM (made.terms, made.earliest, made.latest)
  AND coalesce(b.block, made.block) <= (SELECT max(block) FROM blocks)
ORDER BY 1

-- name: stray
-- The first block of which there are not all events.
SELECT min(block) FROM blocks WHERE block >= coalesce((SELECT max(last_position) FROM commits), 0) / 256
