-- Move the checkpoint of some partitions of some builds, if they are where and what the caller thinks they are:
-- compare-and-swap; the builds of which it moved. In the order of the builds, so that no two wait for each other. The
-- commit does not wait for the disk: what a crash takes from the derived tables, checkpoint and rows together, the log
-- gives again.
CREATE OR REPLACE FUNCTION advance_builds(
    builds         smallint[],
    partitions     integer[],
    from_position  bigint,
    to_position    bigint,
    in_state       text
) RETURNS SETOF smallint LANGUAGE plpgsql
-- No search_path: a replay folds into tables of its own, before the log's. One plan for all: a statement with an array of
-- a few is planned anew each time, which took half as long as the rest of it.
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT b.build FROM builds b WHERE b.build = ANY(advance_builds.builds) ORDER BY b.build FOR NO KEY UPDATE
    )
    UPDATE builds b SET positions = (
        SELECT array_agg(CASE WHEN n - 1 = ANY(partitions) THEN to_position ELSE here END ORDER BY n)
        FROM unnest(b.positions) WITH ORDINALITY AS all_of (here, n)
    )
    FROM held
    WHERE b.build = held.build AND b.state = in_state
      -- A subquery that gives a value is asked again of a row that another moved while this waited; NOT EXISTS is not.
      AND (SELECT bool_and(b.positions[own + 1] IS NOT DISTINCT FROM from_position) FROM unnest(partitions) AS own)
    RETURNING b.build;
END
$$;
