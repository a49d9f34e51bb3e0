-- name: commitments
-- What leaves are made of, after a position: of each part its commitment, SHA-256(name, 00, salt, exact bytes). Of the
-- private part the digest that is kept: whoever asks this way may not read its text. Of an erased body likewise.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
SELECT e.position, e.recorded_at,
       coalesce(sha256('\x626f647900'::bytea || e.body_salt || convert_to(e.body, 'UTF8')), e.body_digest) AS body,
       sha256('\x6d65746100'::bytea || e.meta_salt || convert_to(e.meta, 'UTF8')) AS meta,
       p.digest AS private
FROM events e LEFT JOIN event_private p USING (position)
WHERE e.position > $1 AND e.position <= $2
ORDER BY e.position LIMIT $3

-- name: log_key
-- Under which origin and key a fork is signed; no row where none has claimed it.
-- $1 fork integer
SELECT origin, vkey FROM log_keys WHERE fork = $1

-- name: claim
-- Sign a fork under a key, if none does yet.
-- $1 fork integer
-- $2 origin text
-- $3 vkey text
INSERT INTO log_keys (fork, origin, vkey) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: tiles
-- Some full tiles of one level.
-- $1 fork integer
-- $2 level smallint
-- $3 indexes bigint[]
SELECT index, hashes FROM tiles WHERE fork = $1 AND level = $2 AND index = ANY($3)

-- name: full_tiles
-- How many tiles of a level are full: they are inserted in order.
-- $1 fork integer
-- $2 level smallint
SELECT coalesce(max(index) + 1, 0) FROM tiles WHERE fork = $1 AND level = $2

-- name: add_tiles
-- Tiles that became full.
-- $1 fork integer
-- $2 levels smallint[]
-- $3 indexes bigint[]
-- $4 hashes bytea[]
INSERT INTO tiles (fork, level, index, hashes)
SELECT $1, t.level, t.index, t.hashes FROM unnest($2::smallint[], $3::bigint[], $4::bytea[]) AS t (level, index, hashes)

-- name: add_head
-- Publish a signed tree head.
-- $1 fork integer
-- $2 size bigint
-- $3 root bytea
-- $4 note text
-- $5 signed_at timestamptz
INSERT INTO tree_heads (fork, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5)

-- name: last_head
-- The last tree head that was published; no row before the first.
-- $1 fork integer
SELECT size, root, note, signed_at FROM tree_heads WHERE fork = $1 ORDER BY size DESC LIMIT 1

-- name: heads
-- Tree heads larger than a size, in order.
-- $1 fork integer
-- $2 after bigint
-- $3 limit bigint
SELECT size, root, note, signed_at FROM tree_heads WHERE fork = $1 AND size > $2 ORDER BY size LIMIT $3

-- name: count_heads
-- How many tree heads of a fork, smaller than a size, were published.
-- $1 fork integer
-- $2 below bigint
SELECT count(*) FROM tree_heads WHERE fork = $1 AND size < $2

-- name: last_fork
-- The last fork that anything is kept of; no row where nothing is.
SELECT max(fork) FROM (SELECT fork FROM log_keys UNION ALL SELECT fork FROM tree_heads UNION ALL SELECT fork FROM tiles) f

-- name: was_signed
-- Whether any fork was ever signed.
SELECT EXISTS (SELECT FROM log_keys) OR EXISTS (SELECT FROM tree_heads) AS was_signed

-- name: tile_in_wait
-- A tile that is there before the tree has grown to it: what is published later would be made of it.
SELECT t.fork, t.level, t.index FROM tiles t
LEFT JOIN (SELECT fork, max(size) AS size FROM tree_heads GROUP BY fork) h USING (fork)
WHERE t.index >= coalesce(h.size, 0) >> (8 * (t.level + 1))
ORDER BY 1, 2, 3 LIMIT 1

-- name: fork
-- Begin the next fork of the log; answers its number.
UPDATE log SET fork = fork + 1 RETURNING fork

-- name: sessions
-- How many other sessions on this database bear one of these names: a service's, or a command's that works like one.
-- $1 names text[]
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = ANY ($1)

-- name: unsigned
-- For how many seconds the first event after a position has been there, by the database's clock; no row where none is.
-- $1 after_position bigint
SELECT extract(epoch FROM clock_timestamp() - recorded_at)::double precision AS seconds
FROM events WHERE position = $1::bigint + 1
