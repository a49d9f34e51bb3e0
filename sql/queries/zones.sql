-- name: keep
-- Keep zone data, unless they are there or the log goes by a later release.
-- $1 id text
-- $2 release text
-- $3 packed bytea
INSERT INTO zone_data (id, release, packed)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM zone_data WHERE release > $2)
ON CONFLICT DO NOTHING

-- name: packed
-- Some zone data.
-- $1 ids text[]
SELECT id, packed FROM zone_data WHERE id = ANY($1)

-- name: all
-- All zone data that there are, under the release that their id names; a log has a few a year.
SELECT id, packed FROM zone_data WHERE release = split_part(id, '-', 1)

-- name: ids
-- All zone data that there are, whatever they say.
SELECT id FROM zone_data ORDER BY id

-- name: first
-- The zone data that the log had first.
SELECT id FROM zone_data ORDER BY added_at, id LIMIT 1
