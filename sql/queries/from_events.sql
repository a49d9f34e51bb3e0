-- name: families
-- The events that some subjects are made of, each up to a position, in position order: those of its stream and of those
-- that merges up to there connect it with, of each stream those below a stream version. With each event, whether its
-- body was erased after a build was begun. Every look goes by an index, whatever the planner thinks of the arrays.
-- $1 streams text[]
-- $2 upto bigint[]
-- $3 below integer
-- $4 build smallint
WITH RECURSIVE family (asked, upto, stream) AS (
    SELECT w.stream COLLATE "C", w.upto, w.stream COLLATE "C" FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) AS w (stream, upto)
    UNION
    SELECT f.asked, f.upto, linked.stream
    FROM family f
    CROSS JOIN LATERAL (
        SELECT absorbed AS stream FROM merge_links WHERE survivor = f.stream AND position <= f.upto
        UNION ALL
        SELECT survivor FROM merge_links WHERE absorbed = f.stream AND position <= f.upto
    ) AS linked
)
SELECT f.asked, log.zone,
       e.body IS NULL AND EXISTS (
           SELECT FROM events r
           WHERE r.stream = e.stream AND r.type = 'record.erased' AND r.body::json #>> '{data,part}' = 'body'
             AND regexp_replace(r.body::json #>> '{data,target}', '^urn:uuid:', '', 'i')::uuid = e.event_id
             AND r.position > (SELECT erased_upto FROM builds WHERE build = $4)
       ) AS erased,
       e.position, e.event_id, e.stream, e.stream_version, e.type, e.schema_version, e.recorded_at, e.recorded_by, e.tlp,
       e.body, e.meta
FROM log CROSS JOIN family f
CROSS JOIN LATERAL (
    SELECT * FROM events WHERE stream = f.stream AND stream_version < $3 AND position <= f.upto OFFSET 0
) AS e
ORDER BY e.position
