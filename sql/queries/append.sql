-- name: secret
-- What ids are derived under.
SELECT secret FROM idempotency

-- name: append
-- Append commands in one transaction; see sql/functions/append.sql.
-- $1 atomic boolean
-- $2 event_ids uuid[]
-- $3 streams text[]
-- $4 expected integer[]
-- $5 types text[]
-- $6 schema_versions smallint[]
-- $7 recorders text[]
-- $8 tlps smallint[]
-- $9 verifications text[]
-- $10 froms timestamptz[]
-- $11 untils timestamptz[]
-- $12 reporteds timestamptz[]
-- $13 place_ids text[]
-- $14 countries text[]
-- $15 admin1s text[]
-- $16 lats double precision[]
-- $17 lons double precision[]
-- $18 actor_lists text[]
-- $19 bodies text[]
-- $20 body_salts bytea[]
-- $21 metas_head text[]
-- $22 metas_tail text[]
-- $23 meta_salts bytea[]
-- $24 privates text[]
-- $25 private_salts bytea[]
-- $26 private_digests bytea[]
SELECT verdict, at_position, at_version, recorded
FROM append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                   $21, $22, $23, $24, $25, $26)
