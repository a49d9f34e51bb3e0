-- name: range
-- Events that pass the filters, in one range of the log, in order; null filters let everything pass. Who may see them, how
-- many, and `following`: as in `stream` of read.sql. Its rows come as they are read, where those of `ranges` are sorted first.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
-- $4 clearance smallint
-- $5 types text[]
-- $6 streams text[]
-- $7 categories text[]
-- $8 places text[]
-- $9 admin1s text[]
-- $10 countries text[]
-- $11 actors text[]
-- $12 verifications text[]
-- $13 since timestamptz
-- $14 until timestamptz
-- $15 recorded_since timestamptz
-- $16 west double precision
-- $17 south double precision
-- $18 east double precision
-- $19 north double precision
-- $20 external_ids jsonb[]
-- $21 imports bigint[]
-- $22 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
        FROM events e
        WHERE position > $1 AND position <= $2
          AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
          AND passes(e, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
        ORDER BY position LIMIT $3
    ) AS wanted
) AS counted
WHERE octets <= $22 OR number = 1 ORDER BY position

-- name: ranges
-- Events that pass the filters, in several ranges of the log, in order; null filters let everything pass. No range is read
-- before those before it were found to have too few. Who may see them, how many, and `following`: as in `stream` of read.sql.
-- $1 after bigint[]
-- $2 upto bigint[]
-- $3 limit bigint
-- $4 clearance smallint
-- $5 types text[]
-- $6 streams text[]
-- $7 categories text[]
-- $8 places text[]
-- $9 admin1s text[]
-- $10 countries text[]
-- $11 actors text[]
-- $12 verifications text[]
-- $13 since timestamptz
-- $14 until timestamptz
-- $15 recorded_since timestamptz
-- $16 west double precision
-- $17 south double precision
-- $18 east double precision
-- $19 north double precision
-- $20 external_ids jsonb[]
-- $21 imports bigint[]
-- $22 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT found.* FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS range (after, upto, number)
        CROSS JOIN LATERAL (
            SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
            FROM events e
            WHERE position > range.after AND position <= range.upto
              AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
              AND passes(e, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
            ORDER BY position LIMIT $3
        ) AS found
        ORDER BY range.number, position LIMIT $3
    ) AS wanted
) AS counted
WHERE octets <= $22 OR number = 1 ORDER BY position

-- name: streams
-- Events of some streams that pass the other filters; null filters let everything pass. Each stream is read by itself,
-- so that it costs what the streams hold and not what the log does. Who may see them, how many, and `following`: as in
-- `stream` of read.sql.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
-- $4 clearance smallint
-- $5 types text[]
-- $6 streams text[]
-- $7 categories text[]
-- $8 places text[]
-- $9 admin1s text[]
-- $10 countries text[]
-- $11 actors text[]
-- $12 verifications text[]
-- $13 since timestamptz
-- $14 until timestamptz
-- $15 recorded_since timestamptz
-- $16 west double precision
-- $17 south double precision
-- $18 east double precision
-- $19 north double precision
-- $20 external_ids jsonb[]
-- $21 imports bigint[]
-- $22 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT found.* FROM unnest($6::text[]) AS wanted (stream)
        CROSS JOIN LATERAL (
            SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
            FROM events e
            WHERE stream = wanted.stream AND position > $1 AND position <= $2
              AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
              AND passes(e, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
            ORDER BY stream_version LIMIT $3
        ) AS found
        ORDER BY position LIMIT $3
    ) AS wanted
) AS counted
WHERE octets <= $22 OR number = 1 ORDER BY position

-- name: import
-- Events that came with some imports and pass the other filters; null filters let everything pass. Each import is read by
-- itself, so that a page costs what it holds and not what the log does. Who may see them, how many, and `following`: as in
-- `stream` of read.sql.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
-- $4 clearance smallint
-- $5 types text[]
-- $6 streams text[]
-- $7 categories text[]
-- $8 places text[]
-- $9 admin1s text[]
-- $10 countries text[]
-- $11 actors text[]
-- $12 verifications text[]
-- $13 since timestamptz
-- $14 until timestamptz
-- $15 recorded_since timestamptz
-- $16 west double precision
-- $17 south double precision
-- $18 east double precision
-- $19 north double precision
-- $20 external_ids jsonb[]
-- $21 imports bigint[]
-- $22 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT found.* FROM unnest($21::bigint[]) AS wanted (import)
        CROSS JOIN LATERAL (
            SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
            FROM events e
            WHERE meta LIKE '%"import":%' AND (meta::json ->> 'import')::bigint = wanted.import AND position > $1 AND position <= $2
              AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
              AND passes(e, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
            ORDER BY position LIMIT $3
        ) AS found
        ORDER BY position LIMIT $3
    ) AS wanted
) AS counted
WHERE octets <= $22 OR number = 1 ORDER BY position

-- name: external
-- Events with some ids elsewhere that pass the other filters; null filters let everything pass. They are found by the
-- index first, so that it costs what has these ids and not what the log holds. Who may see them: as in `stream` of read.sql.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
-- $4 clearance smallint
-- $5 types text[]
-- $6 streams text[]
-- $7 categories text[]
-- $8 places text[]
-- $9 admin1s text[]
-- $10 countries text[]
-- $11 actors text[]
-- $12 verifications text[]
-- $13 since timestamptz
-- $14 until timestamptz
-- $15 recorded_since timestamptz
-- $16 west double precision
-- $17 south double precision
-- $18 east double precision
-- $19 north double precision
-- $20 external_ids jsonb[]
-- $21 imports bigint[]
-- $22 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
        FROM events e
        WHERE position IN (
            SELECT position FROM events
            WHERE body LIKE '%"external_ids":[{%' AND body::jsonb -> 'external_ids' @> ANY($20::jsonb[])
            OFFSET 0
          )
          AND position > $1 AND position <= $2
          AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
          AND passes(e, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
        ORDER BY position LIMIT $3
    ) AS wanted
) AS counted
WHERE octets <= $22 OR number = 1 ORDER BY position

-- name: horizon
-- Up to where there are at most so many events of each type of each category, of some types and categories; null where
-- there are fewer of all.
-- $1 after bigint
-- $2 upto bigint
-- $3 types text[]
-- $4 categories text[]
-- $5 events bigint
SELECT min(last.position) FROM kinds_of($3, $4) AS k (kind) CROSS JOIN LATERAL (
    SELECT position FROM events
    WHERE hashtextextended(split_part(stream, ':', 1) || ' ' || type, 0) = k.kind AND position > $1 AND position <= $2
    ORDER BY position LIMIT 1 OFFSET $5::bigint - 1
) AS last

-- name: kinds
-- Events of some types or categories (null is any). Each type of each category is looked up by itself, and then what was
-- found is read: a page costs what it holds, and not what the log does. Who may see them, how many, and `following`: as
-- in `stream` of read.sql.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
-- $4 clearance smallint
-- $5 types text[]
-- $6 categories text[]
-- $7 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT found.position FROM kinds_of($5, $6) AS k (kind)
        CROSS JOIN LATERAL (
            SELECT position FROM events e
            WHERE hashtextextended(split_part(stream, ':', 1) || ' ' || type, 0) = k.kind AND position > $1 AND position <= $2
              AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
            ORDER BY position LIMIT $3
        ) AS found
        ORDER BY position LIMIT $3
    ) AS wanted
    CROSS JOIN LATERAL (
        SELECT event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
        FROM events WHERE position = wanted.position OFFSET 0
    ) AS event
) AS counted
WHERE octets <= $7 OR number = 1 ORDER BY position

-- name: streams_in
-- The streams with events that pass the filters, in some ranges of the log, and those into which merges took them: all that
-- may be where these events were. Each range is read in order up to its end, which LIMIT says: else the planner, who does
-- not know how short they are, reads the whole log for each.
-- $1 after bigint[]
-- $2 upto bigint[]
-- $3 places text[]
-- $4 admin1s text[]
-- $5 countries text[]
-- $6 west double precision
-- $7 south double precision
-- $8 east double precision
-- $9 north double precision
WITH RECURSIVE found (stream) AS (
    SELECT DISTINCT event.stream FROM unnest($1::bigint[], $2::bigint[]) AS range (after, upto)
    CROSS JOIN LATERAL (
        SELECT stream FROM events e
        WHERE position > range.after AND position <= range.upto
          AND passes(e, NULL, NULL, NULL, $3, $4, $5, NULL, NULL, NULL, NULL, NULL, $6, $7, $8, $9, NULL, NULL)
        ORDER BY position LIMIT range.upto - range.after
    ) AS event
    UNION
    SELECT l.survivor FROM found f JOIN merge_links l ON l.absorbed = f.stream
)
SELECT stream FROM found ORDER BY stream
