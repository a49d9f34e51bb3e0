-- Several runners share the folding: the streams are divided into partitions, and each has a checkpoint of its own. What
-- was folded by one is what all partitions have reached.

CREATE FUNCTION least_of(bigint[]) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT min(one) FROM unnest($1) AS one
$$;
COMMENT ON FUNCTION least_of(bigint[]) IS 'The smallest of some numbers; null for none.';

ALTER TABLE builds ADD COLUMN positions bigint[];
UPDATE builds SET positions = array_fill(position, ARRAY[16]);
ALTER TABLE builds
    DROP COLUMN position,
    ALTER COLUMN positions SET NOT NULL,
    ADD CHECK (array_ndims(positions) = 1 AND array_position(positions, NULL) IS NULL AND 0 <= ALL (positions)),
    ADD COLUMN position bigint NOT NULL GENERATED ALWAYS AS (least_of(positions)) STORED;
COMMENT ON COLUMN builds.positions IS
    'The checkpoint of each partition of the streams: moved by compare-and-swap in the transaction of the rows it stands '
    'for, so two cannot both count.';
COMMENT ON COLUMN builds.position IS 'Up to where every partition is: what answers are given of.';

COMMENT ON TABLE segments IS
    'Lines of ledgers, double entry: minus the old and plus the new, never edited. Totals as of K sum up to K. Segments '
    'never lie across the end of a stretch of positions; within one they may overlap, where several runners wrote them.';
