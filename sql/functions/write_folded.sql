-- Write what a batch of events changes of the subjects and the ledgers, and move the checkpoint; or raise IL002, and
-- nothing is written. One call, so that one event is folded in one round trip and one transaction.
--
-- `builds` to `in_state` are as `advance_builds` has them, and all of them are to be moved. `answering` are the builds that
-- may answer beside: null asks nobody. Columns that go together are of one length:
--   subjects_of ... list_texts  versions of subjects
--   of_builds ... lines         segments of ledgers
CREATE OR REPLACE FUNCTION write_folded(
    builds          smallint[],
    partitions      integer[],
    from_position   bigint,
    to_position     bigint,
    in_state        text,
    answering       smallint[],
    subjects_of     smallint[],
    streams         text[],
    levels          smallint[],
    froms           bigint[],
    upto            bigint[],
    restateds       boolean[],
    bodies          text[],
    rest_on         bigint[],
    list_texts      text[],
    of_builds       smallint[],
    firsts          bigint[],
    lasts           bigint[],
    latests         timestamptz[],
    first_days      date[],
    last_days       date[],
    earliests       timestamptz[],
    lines           bytea[]
) RETURNS void LANGUAGE plpgsql
-- No search_path, and one plan for all: see advance.sql.
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO subjects (build, stream, level, from_position, to_position, restated, body, rests_on, lists)
    SELECT * FROM unnest(subjects_of, streams, levels, froms, upto, restateds, bodies, rest_on, list_texts);
    INSERT INTO segments (build, first_position, last_position, latest, first_day, last_day, earliest, merged, body)
    SELECT build, first_position, last_position, latest, first_day, last_day, earliest, false, body
    FROM unnest(of_builds, firsts, lasts, latests, first_days, last_days, earliests, lines)
        AS c (build, first_position, last_position, latest, first_day, last_day, earliest, body);
    -- Last, since others that write other partitions wait from here on up to the commit.
    IF (SELECT count(*) FROM advance_builds(builds, partitions, from_position, to_position, in_state)) < cardinality(builds) THEN
        RAISE EXCEPTION 'the checkpoint is not at % any more', from_position USING ERRCODE = 'IL002';
    END IF;
    -- The builds are held from here on, as by whoever switches: what answers is what is seen now.
    IF EXISTS (SELECT FROM builds b WHERE b.state = 'active' AND b.build <> ALL (answering)) THEN
        RAISE EXCEPTION 'another build answers' USING ERRCODE = 'IL002';
    END IF;
END
$$;
