-- Append commands in one transaction: positions gapless and in commit order (P1), each id exactly once (P2).
--
-- One row per command, in their order, with its verdict:
--   ok            appended at `at_position`, as `at_version` of its stream, `recorded`
--   duplicate     the id is there with the same content: its original place
--   id_conflict   the id is there with other content
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
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

    RETURN QUERY
    WITH command AS MATERIALIZED (
        SELECT * FROM unnest(event_ids, streams, expected, bodies, privates)
            WITH ORDINALITY AS c (event_id, stream, expected, body, private, n)
    ), known AS MATERIALIZED (
        SELECT c.n, e.position, e.stream_version, e.recorded_at,
               e.body = c.body AND e.stream = c.stream AND p.text IS NOT DISTINCT FROM c.private AS same
        FROM command c
        JOIN events e USING (event_id)
        LEFT JOIN event_private p USING (position)
    ), fresh AS MATERIALIZED (
        SELECT c.*, v.version, row_number() OVER (PARTITION BY c.stream ORDER BY c.n) AS nth
        FROM command c
        CROSS JOIN LATERAL (
            SELECT coalesce((SELECT e.stream_version FROM events e WHERE e.stream = c.stream
                             ORDER BY e.stream_version DESC LIMIT 1), 0) AS version
        ) v
        WHERE NOT EXISTS (SELECT FROM known k WHERE k.n = c.n)
    ), judged AS MATERIALIZED (
        SELECT n, version, nth, CASE
            WHEN expected <> version THEN 'wrong_version'
            WHEN version + nth > 10000 THEN 'stream_full'
            ELSE 'ok' END AS verdict
        FROM fresh
        UNION ALL
        SELECT n, stream_version, 0, CASE WHEN same THEN 'duplicate' ELSE 'id_conflict' END FROM known
    ), winner AS MATERIALIZED (
        SELECT n, head + row_number() OVER (ORDER BY n) AS position, (version + nth)::integer AS stream_version
        FROM judged
        WHERE verdict = 'ok'
          AND NOT (atomic AND EXISTS (SELECT FROM judged j WHERE j.verdict NOT IN ('ok', 'duplicate')))
    ), written AS (
        INSERT INTO events
        SELECT w.position, event_ids[n], streams[n], w.stream_version, types[n], schema_versions[n], now_,
               recorders[n], tlps[n], verifications[n], froms[n], untils[n], reporteds[n], place_ids[n],
               countries[n], admin1s[n], lats[n], lons[n], string_to_array(actor_lists[n], ' '), bodies[n],
               body_salts[n], metas_head[n] || w.stream_version || metas_tail[n], meta_salts[n]
        FROM winner w
        ORDER BY w.n
    ), hidden AS (
        INSERT INTO event_private
        SELECT w.position, private_digests[n], private_salts[n], privates[n]
        FROM winner w
        WHERE privates[n] IS NOT NULL
    ), committed AS (
        INSERT INTO commits SELECT max(w.position), now_ FROM winner w HAVING count(*) > 0
    )
    SELECT CASE WHEN j.verdict = 'ok' AND w.n IS NULL THEN 'unwritten' ELSE j.verdict END,
           coalesce(w.position, k.position),
           CASE j.verdict WHEN 'ok' THEN w.stream_version ELSE j.version::integer END,
           CASE WHEN w.n IS NULL THEN k.recorded_at ELSE now_ END
    FROM judged j
    LEFT JOIN winner w USING (n)
    LEFT JOIN known k USING (n)
    ORDER BY j.n;
END
$$;
