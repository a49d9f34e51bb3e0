-- name: secret
-- What ids are derived under.
SELECT secret FROM idempotency

-- name: append
-- Append commands in one transaction; see sql/functions/append.sql. A column is one text: E'\x1f' between the values,
-- E'\x1e' for NULL (and for an empty list of actors).
-- $1 atomic boolean
-- $2 event_ids text
-- $3 streams text
-- $4 expected text
-- $5 types text
-- $6 schema_versions text
-- $7 recorders text
-- $8 tlps text
-- $9 verifications text
-- $10 froms text
-- $11 untils text
-- $12 reporteds text
-- $13 place_ids text
-- $14 countries text
-- $15 admin1s text
-- $16 lats text
-- $17 lons text
-- $18 actor_lists text
-- $19 bodies text
-- $20 body_salts text
-- $21 metas_head text
-- $22 metas_tail text
-- $23 meta_salts text
-- $24 privates text
-- $25 private_salts text
-- $26 private_digests text
SELECT verdict, at_position, at_version, recorded
FROM append_events(
    $1,
    string_to_array($2, E'\x1f')::uuid[],
    string_to_array($3, E'\x1f'),
    string_to_array($4, E'\x1f', E'\x1e')::integer[],
    string_to_array($5, E'\x1f'),
    string_to_array($6, E'\x1f')::smallint[],
    string_to_array($7, E'\x1f'),
    string_to_array($8, E'\x1f')::smallint[],
    string_to_array($9, E'\x1f'),
    string_to_array($10, E'\x1f')::timestamptz[],
    string_to_array($11, E'\x1f')::timestamptz[],
    string_to_array($12, E'\x1f', E'\x1e')::timestamptz[],
    string_to_array($13, E'\x1f', E'\x1e'),
    string_to_array($14, E'\x1f', E'\x1e'),
    string_to_array($15, E'\x1f', E'\x1e'),
    string_to_array($16, E'\x1f', E'\x1e')::double precision[],
    string_to_array($17, E'\x1f', E'\x1e')::double precision[],
    array_replace(string_to_array($18, E'\x1f', E'\x1e'), NULL, ''),
    string_to_array($19, E'\x1f'),
    string_to_array($20, E'\x1f')::bytea[],
    string_to_array($21, E'\x1f'),
    string_to_array($22, E'\x1f'),
    string_to_array($23, E'\x1f')::bytea[],
    string_to_array($24, E'\x1f', E'\x1e'),
    string_to_array($25, E'\x1f')::bytea[],
    string_to_array($26, E'\x1f', E'\x1e')::bytea[]
)

-- name: little
-- A sort or a set of more than this is written to a file, up to the end of the transaction.
SELECT set_config('work_mem', '64kB', true)

-- name: room
-- Write to the write-ahead log, so that the commit is one that is waited for, and a megabyte or two to a file that goes.
SELECT pg_logical_emit_message(true, 'incidentlog', '') AS lsn, (SELECT count(*) FROM generate_series(1, 65536)) AS rows
