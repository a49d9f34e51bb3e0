-- name: builds
-- Every build and how far it got.
SELECT build, projection, version, position, active FROM builds ORDER BY build

-- name: alone
-- Let one runner at a time decide on the builds, up to its commit.
SELECT pg_advisory_xact_lock(7241906, hashtext(current_schema()))

-- name: make_build
-- A new build from position 0.
-- $1 build smallint
-- $2 projection text
-- $3 version integer
INSERT INTO builds (build, projection, version, active) VALUES ($1, $2, $3, true)

-- name: forget
-- Throw away everything derived.
TRUNCATE builds, subjects, merge_links, ledger, names, documents, document_members

-- name: interrupt
-- Make the runners of this login begin again: the builds that they go by are gone.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()
  AND application_name = current_setting('application_name')

-- name: advance
-- Move the checkpoint of some builds, if they are where the caller thinks they are: compare-and-swap.
-- $1 builds smallint[]
-- $2 from_position bigint
-- $3 to_position bigint
UPDATE builds SET position = $3 WHERE build = ANY($1) AND position = $2 RETURNING build

-- name: family
-- Every stream that merges connect with one of these, and the links between them.
-- $1 streams text[]
WITH RECURSIVE family (stream) AS (
    SELECT s COLLATE "C" FROM unnest($1::text[]) AS s
    UNION
    SELECT CASE WHEN l.survivor = f.stream THEN l.absorbed ELSE l.survivor END
    FROM family f
    JOIN merge_links l ON l.survivor = f.stream OR l.absorbed = f.stream
)
SELECT l.survivor, l.absorbed FROM merge_links l WHERE l.survivor IN (SELECT stream FROM family)

-- name: link
-- Note that a merge names two streams together.
-- $1 survivors text[]
-- $2 absorbed text[]
INSERT INTO merge_links SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING

-- name: end_subjects
-- Versions that stood until now stand only up to a position.
-- $1 streams text[]
-- $2 levels smallint[]
-- $3 to_positions bigint[]
UPDATE subjects s SET to_position = c.to_position
FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS c (stream, level, to_position)
WHERE s.stream = c.stream AND s.level = c.level AND s.to_position IS NULL

-- name: name
-- Keep what a value is called, once for each marking.
-- $1 builds smallint[]
-- $2 dimensions text[]
-- $3 values text[]
-- $4 levels smallint[]
-- $5 positions bigint[]
-- $6 names text[]
INSERT INTO names
SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::smallint[], $5::bigint[], $6::text[])
ON CONFLICT DO NOTHING

-- name: end_documents
-- Document versions that stood until now stand only up to a position.
-- $1 builds smallint[]
-- $2 keys text[]
-- $3 levels smallint[]
-- $4 to_positions bigint[]
UPDATE documents d SET to_position = c.to_position
FROM unnest($1::smallint[], $2::text[], $3::smallint[], $4::bigint[]) AS c (build, key, level, to_position)
WHERE d.build = c.build AND d.key = c.key AND d.level = c.level AND d.to_position IS NULL

-- name: join_documents
-- Streams become members of documents.
-- $1 builds smallint[]
-- $2 keys text[]
-- $3 streams text[]
-- $4 positions bigint[]
INSERT INTO document_members (build, key, stream, from_position)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[])

-- name: leave_documents
-- Streams are members of documents no more.
-- $1 builds smallint[]
-- $2 keys text[]
-- $3 streams text[]
-- $4 positions bigint[]
UPDATE document_members m SET to_position = c.position
FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[]) AS c (build, key, stream, position)
WHERE m.build = c.build AND m.key = c.key AND m.stream = c.stream AND m.to_position IS NULL

-- name: members
-- The subjects that make some documents now, at every marking.
-- $1 build smallint
-- $2 keys text[]
SELECT m.key, s.stream, s.level, s.body
FROM document_members m
JOIN subjects s ON s.stream = m.stream AND s.to_position IS NULL
WHERE m.build = $1 AND m.key = ANY($2) AND m.to_position IS NULL
