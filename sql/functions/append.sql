-- Append commands in one transaction: positions gapless and in commit order (P1), each id exactly once (P2).
--
-- One row per command, in their order, with its verdict:
--   ok            appended at `at_position`, as `at_version` of its stream, `recorded`
--   duplicate     the id is there with the same content: its original place
--   id_conflict   the id is there with other content
--   erased        the id is there, and a part of it was erased: nobody can say any more whether the content is the same
--   wrong_version the stream is at `at_version`, not at the version expected
--   stream_full   the stream would pass 10,000 events
-- A command that loses burns no position and harms no neighbour, unless `atomic`: then nothing is written when one
-- loses, and what would have been appended says `unwritten`.
--
-- The caller sees to it that an id comes once, and that a stream with a conditional command has no other in the
-- call (in an atomic call: that only a stream's first command is conditional).
--
-- `metas_head` and `metas_tail` are the canonical meta around the digits of the stream version, which is not known
-- before the lock is held.
CREATE OR REPLACE FUNCTION append_events(
    atomic           boolean,
    event_ids        uuid[],
    streams          text[],
    expected         integer[],
    types            text[],
    schema_versions  smallint[],
    recorders        text[],
    tlps             smallint[],
    verifications    text[],
    froms            timestamptz[],
    untils           timestamptz[],
    reporteds        timestamptz[],
    place_ids        text[],
    countries        text[],
    admin1s          text[],
    lats             double precision[],
    lons             double precision[],
    actor_lists      text[],
    bodies           text[],
    body_salts       bytea[],
    metas_head       text[],
    metas_tail       text[],
    meta_salts       bytea[],
    privates         text[],
    private_salts    bytea[],
    private_digests  bytea[]
) RETURNS TABLE (verdict text, at_position bigint, at_version integer, recorded timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
-- One plan for every batch: planning this statement anew took longer than running it for one event.
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    head bigint;
    now_ timestamptz;
BEGIN
    -- One appender at a time, up to the commit. Keyed by the schema, so that logs beside each other do not wait.
    PERFORM pg_advisory_xact_lock(7241905, hashtext(current_schema()));
    -- A statement of its own: its snapshot is taken after the lock, so it sees every commit before ours.
    SELECT last_position, recorded_at INTO head, now_ FROM commits ORDER BY last_position DESC LIMIT 1;
    head := coalesce(head, 0);
    now_ := greatest(now_ + interval '1 microsecond', clock_timestamp());

    -- One flow and no self-joins: subscripts and joins over the arrays cost the square of a large batch.
    RETURN QUERY
    WITH command AS (
        SELECT c.*, old.position AS old_position, old.recorded_at AS old_recorded_at, old.same, old.erased,
               coalesce(old.stream_version, now.version, 0) AS version,
               count(*) FILTER (WHERE old.position IS NULL) OVER (PARTITION BY c.stream ORDER BY c.n) AS nth
        FROM unnest(event_ids, streams, expected, types, schema_versions, recorders, tlps, verifications, froms,
                    untils, reporteds, place_ids, countries, admin1s, lats, lons, actor_lists, bodies, body_salts,
                    metas_head, metas_tail, meta_salts, privates, private_salts, private_digests)
            WITH ORDINALITY AS c (event_id, stream, expected, type, schema_version, recorder, tlp, verification,
                    since, until, reported, place_id, country, admin1, lat, lon, actors, body, body_salt,
                    meta_head, meta_tail, meta_salt, private, private_salt, private_digest, n)
        -- LIMIT keeps each look-up one probe of an index for a command, whatever the planner thinks of the sizes.
        LEFT JOIN LATERAL (
            SELECT e.position, e.stream_version, e.recorded_at,
                   e.body = c.body AND e.stream = c.stream AND p.text IS NOT DISTINCT FROM c.private AS same,
                   e.body IS NULL OR (p.position IS NOT NULL AND p.text IS NULL) AS erased
            FROM events e
            LEFT JOIN event_private p ON p.position = e.position
            WHERE e.event_id = c.event_id LIMIT 1
        ) old ON true
        LEFT JOIN LATERAL (
            SELECT e.stream_version AS version FROM events e WHERE e.stream = c.stream
            ORDER BY e.stream_version DESC LIMIT 1
        ) now ON true
    ), judged AS (
        SELECT *, CASE
            WHEN erased THEN 'erased'
            WHEN old_position IS NOT NULL THEN CASE WHEN same THEN 'duplicate' ELSE 'id_conflict' END
            WHEN expected <> version THEN 'wrong_version'
            WHEN version + nth > 10000 THEN 'stream_full'
            ELSE 'ok' END AS verdict
        FROM command
    ), numbered AS MATERIALIZED (
        SELECT *, head + count(*) FILTER (WHERE verdict = 'ok') OVER (ORDER BY n) AS position,
               atomic AND bool_or(verdict NOT IN ('ok', 'duplicate')) OVER () AS void
        FROM judged
    ), written AS (
        INSERT INTO events
        SELECT position, event_id, stream, version + nth, type, schema_version, now_, recorder, tlp, verification,
               since, until, reported, place_id, country, admin1, lat, lon, string_to_array(actors, ' '), body,
               body_salt, meta_head || (version + nth) || meta_tail, meta_salt
        FROM numbered
        WHERE verdict = 'ok' AND NOT void
        ORDER BY n
    ), hidden AS (
        INSERT INTO event_private
        SELECT position, private_digest, private_salt, private
        FROM numbered
        WHERE verdict = 'ok' AND NOT void AND private IS NOT NULL
    ), committed AS (
        INSERT INTO commits
        SELECT max(position), now_ FROM numbered WHERE verdict = 'ok' AND NOT void HAVING count(*) > 0
    )
    SELECT CASE WHEN verdict = 'ok' AND void THEN 'unwritten' ELSE verdict END,
           CASE WHEN verdict = 'ok' AND NOT void THEN position ELSE old_position END,
           CASE WHEN verdict = 'ok' THEN version + nth ELSE version END::integer,
           CASE WHEN verdict = 'ok' AND NOT void THEN now_ ELSE old_recorded_at END
    FROM numbered
    ORDER BY n;
END
$$;
