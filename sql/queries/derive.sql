-- name: family
-- Every stream that merges up to a position connect with one of these, and the links between them.
-- $1 streams text[]
-- $2 position bigint
WITH RECURSIVE family (stream) AS (
    SELECT s COLLATE "C" FROM unnest($1::text[]) AS s
    UNION
    SELECT CASE WHEN l.survivor = f.stream THEN l.absorbed ELSE l.survivor END
    FROM family f
    JOIN merge_links l ON (l.survivor = f.stream OR l.absorbed = f.stream) AND l.position <= $2
)
SELECT l.survivor, l.absorbed FROM merge_links l WHERE l.survivor IN (SELECT stream FROM family) AND l.position <= $2

-- name: all_links
-- Every two streams that a merge is said to name.
SELECT survivor, absorbed, position FROM merge_links ORDER BY 1, 2

-- name: folded_upto
-- Up to where the log is folded, by whatever answers: 0 where nothing does.
SELECT coalesce(min(position), 0) FROM builds WHERE state = 'active'

-- name: link
-- Note that a merge names two streams together; of several, the first.
-- $1 survivors text[]
-- $2 absorbed text[]
-- $3 positions bigint[]
INSERT INTO merge_links SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) ON CONFLICT DO NOTHING

-- name: end_subjects
-- Versions that stood until now stand only up to a position. Of a subject's versions only the last one is looked at: there
-- may be thousands. By where it is in the table, and as if of a few: of a build that is new PostgreSQL takes it, until it has
-- statistics, that hardly any version is of it and stands, and read all of them to join what is asked for, each time more.
-- $1 build smallint
-- $2 streams text[]
-- $3 levels smallint[]
-- $4 to_positions bigint[]
UPDATE subjects s SET to_position = ended.to_position
FROM (
    SELECT last.place, c.to_position
    FROM unnest((SELECT $2::text[]), (SELECT $3::smallint[]), (SELECT $4::bigint[])) AS c (stream, level, to_position)
    CROSS JOIN LATERAL (
        SELECT v.ctid AS place, v.to_position FROM subjects v
        WHERE v.build = $1 AND v.stream = c.stream AND v.level = c.level ORDER BY from_position DESC LIMIT 1
    ) AS last
    WHERE last.to_position IS NULL
    OFFSET 0
) AS ended
WHERE s.ctid = ended.place

-- name: standing
-- The versions that stand of some subjects.
-- $1 build smallint
-- $2 streams text[]
-- $3 levels smallint[]
SELECT s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM unnest($2::text[], $3::smallint[]) AS c (stream, level)
CROSS JOIN LATERAL (
    SELECT * FROM subjects v
    WHERE v.build = $1 AND v.stream = c.stream AND v.level = c.level ORDER BY from_position DESC LIMIT 1
) AS s
WHERE s.to_position IS NULL

-- name: earlier
-- What a version rests on: the lists of a version, and of what that rests on, the nearest first; the last one whole.
-- $1 build smallint
-- $2 stream text
-- $3 level smallint
-- $4 from_position bigint
WITH RECURSIVE earlier (far, rests_on, text) AS (
    SELECT 0, rests_on, coalesce(lists, body) FROM subjects WHERE build = $1 AND stream = $2 AND level = $3 AND from_position = $4
    UNION ALL
    SELECT e.far + 1, s.rests_on, coalesce(s.lists, s.body)
    -- One row at a time, whatever is known of the table: without statistics all of a stream were hashed anew for each.
    FROM earlier e CROSS JOIN LATERAL (
        SELECT s.rests_on, s.lists, s.body
        FROM subjects s WHERE s.build = $1 AND s.stream = $2 AND s.level = $3 AND s.from_position = e.rests_on LIMIT 1
    ) s
)
SELECT text FROM earlier ORDER BY far

-- name: name
-- Keep what a value is called, once for each marking: what it was called first.
-- $1 builds smallint[]
-- $2 dimensions text[]
-- $3 values text[]
-- $4 levels smallint[]
-- $5 positions bigint[]
-- $6 names text[]
INSERT INTO names AS n (build, dimension, value, level, position, name)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::text[])
ON CONFLICT (build, dimension, value, level) DO UPDATE SET position = excluded.position, name = excluded.name
WHERE excluded.position < n.position

-- name: end_documents
-- Document versions that stood until now stand only up to a position. As of subjects, only the last ones are looked at, and
-- by where they are.
-- $1 builds smallint[]
-- $2 keys text[]
-- $3 levels smallint[]
-- $4 to_positions bigint[]
UPDATE documents d SET to_position = ended.to_position
FROM (
    SELECT last.place, c.to_position
    FROM unnest((SELECT $1::smallint[]), (SELECT $2::text[]), (SELECT $3::smallint[]), (SELECT $4::bigint[]))
         AS c (build, key, level, to_position)
    CROSS JOIN LATERAL (
        SELECT v.ctid AS place, v.to_position FROM documents v
        WHERE v.build = c.build AND v.key = c.key AND v.level = c.level ORDER BY from_position DESC LIMIT 1
    ) AS last
    WHERE last.to_position IS NULL
    OFFSET 0
) AS ended
WHERE d.ctid = ended.place

-- name: join_documents
-- Streams become members of documents.
-- $1 builds smallint[]
-- $2 keys text[]
-- $3 streams text[]
-- $4 positions bigint[]
INSERT INTO document_members (build, key, stream, from_position)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[])

-- name: leave_documents
-- Streams are members of documents no more, from positions on. One that joins again in the same batch stays.
-- $1 builds smallint[]
-- $2 keys text[]
-- $3 streams text[]
-- $4 positions bigint[]
UPDATE document_members m SET to_position = c.position
FROM (
    SELECT j.build, j.key, j.stream, j.from_position, min(l.position) AS position
    FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[]) AS l (build, key, stream, position)
    JOIN document_members j ON j.build = l.build AND j.key = l.key AND j.stream = l.stream
         AND j.to_position IS NULL AND j.from_position < l.position
    GROUP BY 1, 2, 3, 4
) AS c
WHERE m.build = c.build AND m.key = c.key AND m.stream = c.stream AND m.from_position = c.from_position

-- name: members
-- The subjects that make some documents as of a position, at every marking.
-- $1 build smallint
-- $2 keys text[]
-- $3 base smallint
-- $4 position bigint
SELECT m.key, s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM document_members m
JOIN subjects s ON s.build = $3 AND s.stream = m.stream AND s.from_position <= $4
    AND (s.to_position IS NULL OR s.to_position > $4)
WHERE m.build = $1 AND m.key = ANY($2) AND m.to_position IS NULL
ORDER BY m.key, s.stream

-- name: on_read
-- Those of some documents whose bodies are not kept any more.
-- $1 build smallint
-- $2 keys text[]
SELECT DISTINCT key FROM documents WHERE build = $1 AND key = ANY($2) AND on_read

-- name: keys_of
-- The documents that a stream is part of.
-- $1 build smallint
-- $2 stream text
SELECT key FROM document_members WHERE build = $1 AND stream = $2 AND to_position IS NULL

-- name: variants
-- What stood of a stream's subject as of a position, at every marking.
-- $1 base smallint
-- $2 stream text
-- $3 position bigint
SELECT s.stream, s.body, s.build, s.level, s.from_position, s.rests_on, s.lists
FROM subjects s
WHERE build = $1 AND stream = $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)

-- name: write
-- Write what a batch changes of the subjects and the ledgers, and move the checkpoint; see sql/functions/write_folded.sql.
-- $1 builds smallint[]
-- $2 partitions integer[]
-- $3 from_position bigint
-- $4 to_position bigint
-- $5 in_state text
-- $6 answering smallint[]
-- $7 subjects_of smallint[]
-- $8 streams text[]
-- $9 levels smallint[]
-- $10 froms bigint[]
-- $11 upto bigint[]
-- $12 restateds boolean[]
-- $13 bodies text[]
-- $14 rest_on bigint[]
-- $15 list_texts text[]
-- $16 of_builds smallint[]
-- $17 firsts bigint[]
-- $18 lasts bigint[]
-- $19 latests timestamptz[]
-- $20 first_days date[]
-- $21 last_days date[]
-- $22 earliests timestamptz[]
-- $23 lines bytea[]
SELECT write_folded($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
