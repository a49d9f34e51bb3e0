-- name: alone
-- Let one at a time decide on the builds, up to its commit.
SELECT pg_advisory_xact_lock(7241906, hashtext(current_schema()))

-- name: builds
-- Every build that has rows, and how far it got, the oldest first: a number may be less than those before it.
SELECT build, projection, version, base, positions, state, shape FROM builds WHERE state <> 'dropped' ORDER BY made

-- name: locked
-- The active builds, whose checkpoints stand still up to our commit.
SELECT build, projection, version, base, positions, state, shape FROM builds WHERE state = 'active' ORDER BY build
FOR UPDATE

-- name: prune
-- Rows of builds that are gone go, but for the last that was made: the next one's number comes after its own.
DELETE FROM builds WHERE state = 'dropped' AND made < (SELECT max(made) FROM builds)

-- name: make
-- New builds from position 0, one for each projection, in that order; the base of each is itself where none is given.
-- Each gets the next number that is free after the last one's, and after the largest the least.
-- $1 projections text[]
-- $2 versions integer[]
-- $3 base smallint
-- $4 shapes text[]
-- $5 state text
-- $6 partitions integer
WITH last AS (
    SELECT coalesce(max(made), 0) AS made, count(*) AS taken,
           coalesce((SELECT build FROM builds ORDER BY made DESC LIMIT 1), 0) AS build
    FROM builds
), following AS (
    SELECT nth, ((last.build + nth - 1) % 32767 + 1)::smallint AS build, made
    FROM last, generate_series(1, last.taken + cardinality($1::text[])) AS nth
), free AS (
    SELECT build, row_number() OVER (ORDER BY nth) AS nth, made
    FROM following f WHERE NOT EXISTS (SELECT FROM builds b WHERE b.build = f.build)
)
INSERT INTO builds (build, projection, version, base, shape, state, positions, erased_upto, made)
SELECT build, projection, version, coalesce($3::smallint, build), shape, $5, array_fill(0::bigint, ARRAY[$6::integer]),
       last_erased_body(), made + nth
FROM free JOIN unnest($1::text[], $2::integer[], $4::text[]) WITH ORDINALITY AS wanted (projection, version, shape, nth)
     USING (nth)
RETURNING build

-- name: set_state
-- What becomes of some builds.
-- $1 builds smallint[]
-- $2 state text
UPDATE builds SET state = $2 WHERE build = ANY($1)

-- name: hold
-- Let nobody write what hangs on some builds alone, such as a snapshot, up to our commit.
-- $1 builds smallint[]
SELECT build FROM builds WHERE build = ANY($1) ORDER BY build FOR UPDATE

-- name: ignorant
-- Builds in a state whose subjects do not know of the last erasure of a body: they may hold what was erased.
-- $1 state text
SELECT build FROM builds
WHERE state = $1
  AND base IN (SELECT b.build FROM builds b WHERE b.projection = 'subjects' AND b.erased_upto < last_erased_body())

-- name: settle
-- Raise the generation if these subjects know of erasures of bodies that what answered before them did not know of.
-- $1 build smallint
UPDATE log SET generation = generation + 1, erased_upto = b.erased_upto
FROM builds b WHERE b.build = $1 AND b.erased_upto > log.erased_upto

-- name: drop_subjects
-- The rows of a build go.
-- $1 build smallint
DELETE FROM subjects WHERE build = $1

-- name: drop_segments
-- The rows of a build go.
-- $1 build smallint
DELETE FROM segments WHERE build = $1

-- name: drop_names
-- The rows of a build go.
-- $1 build smallint
DELETE FROM names WHERE build = $1

-- name: drop_documents
-- The rows of a build go.
-- $1 build smallint
DELETE FROM documents WHERE build = $1

-- name: drop_members
-- The rows of a build go.
-- $1 build smallint
DELETE FROM document_members WHERE build = $1

-- name: drop_snapshots
-- The rows of a build go.
-- $1 build smallint
DELETE FROM snapshots WHERE build = $1

-- name: drop_parked
-- The rows of a build go.
-- $1 build smallint
DELETE FROM parked WHERE build = $1

-- name: lease
-- Take or keep some work, unless another node has it still; answers what is ours. What others left long ago goes.
-- $1 works text[]
-- $2 node uuid
-- $3 seconds double precision
WITH gone AS (DELETE FROM leases WHERE until < clock_timestamp() - interval '1 hour' AND node <> $2 AND work <> ALL($1))
INSERT INTO leases AS l (work, node, until)
SELECT work, $2, clock_timestamp() + make_interval(secs => $3) FROM unnest($1::text[]) AS work ORDER BY work
ON CONFLICT (work) DO UPDATE SET node = excluded.node, until = excluded.until
WHERE l.node = excluded.node OR l.until < clock_timestamp()
RETURNING work

-- name: leased
-- Which work of a kind is somebody's, and whose.
-- $1 prefix text
SELECT work, node FROM leases WHERE starts_with(work, $1) AND until >= clock_timestamp() ORDER BY work

-- name: release
-- Leave some work to whoever wants it.
-- $1 works text[]
-- $2 node uuid
DELETE FROM leases WHERE work = ANY($1) AND node = $2

-- name: parked
-- The streams that builds could not take in, and what is to become of them.
-- $1 builds smallint[]
SELECT build, stream, from_position, to_position, level, reason, wish, note FROM parked
WHERE build = ANY($1) ORDER BY build, from_position, stream

-- name: park
-- A build takes in no more of some streams.
-- $1 builds smallint[]
-- $2 streams text[]
-- $3 positions bigint[]
-- $4 levels smallint[]
-- $5 reasons text[]
INSERT INTO parked (build, stream, from_position, level, reason)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::bigint[], $4::smallint[], $5::text[])

-- name: unpark
-- A parked stream is taken in again from a position on.
-- $1 build smallint
-- $2 stream text
-- $3 to_position bigint
UPDATE parked SET to_position = $3 WHERE build = $1 AND stream = $2 AND to_position IS NULL

-- name: still_parked
-- A retry did not help.
-- $1 build smallint
-- $2 stream text
-- $3 reason text
UPDATE parked SET wish = NULL, reason = $3 WHERE build = $1 AND stream = $2 AND to_position IS NULL

-- name: wish
-- Say what is to become of a parked stream; answers the build, where there is such.
-- $1 projection text
-- $2 stream text
-- $3 wish text
-- $4 note text
UPDATE parked p SET wish = $3, note = $4 FROM builds b
WHERE b.build = p.build AND b.projection = $1 AND b.state = 'active' AND p.stream = $2 AND p.to_position IS NULL
RETURNING p.build

-- name: incomplete
-- How many streams a build could not take in, as of a position and for a clearance; those given up count no more. Null
-- when its rows are gone.
-- $1 build smallint
-- $2 clearance smallint
-- $3 position bigint
SELECT (SELECT count(DISTINCT stream) FROM parked p
        WHERE p.build = $1 AND level <= $2 AND from_position <= $3 AND (to_position IS NULL OR to_position > $3)
          AND wish IS DISTINCT FROM 'discard')
FROM builds b WHERE b.build = $1 AND b.state <> 'dropped'

-- name: lags
-- Where some builds are, for how long the next event has waited, and how many streams they could not take in, for a
-- clearance.
-- $1 builds smallint[]
-- $2 clearance smallint
SELECT b.projection, b.version, b.position,
       coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - c.recorded_at), 0)::double precision
                 FROM commits c WHERE c.last_position > b.position ORDER BY c.last_position LIMIT 1), 0) AS seconds,
       (SELECT count(DISTINCT stream) FROM parked p
        WHERE p.build = b.build AND p.level <= $2 AND p.to_position IS NULL
          AND p.wish IS DISTINCT FROM 'discard') AS parked
FROM builds b WHERE b.build = ANY($1) ORDER BY b.projection
