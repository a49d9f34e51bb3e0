-- name: streams_of_import
-- The streams of which an import told something, by name, as of a position; save those of record events alone. Who may
-- see what they say is asked where that is read.
-- $1 import bigint
-- $2 position bigint
-- $3 after text
-- $4 limit bigint
SELECT DISTINCT stream FROM events
WHERE meta LIKE '%"import":%' AND (meta::json ->> 'import')::bigint = $1 AND position <= $2 AND type NOT LIKE 'record.%'
  AND stream > $3
ORDER BY stream LIMIT $4

-- name: of_source
-- Of some streams those of which the import's source told too: an event has an id elsewhere under a scheme of the import's
-- events, and cites a source that these cite. (Two sources may come under one scheme, as two files of one mapping do.) Only
-- what a clearance covers, and no stream on which a marking was ever changed: of these it is not said.
-- $1 streams text[]
-- $2 import bigint
-- $3 position bigint
-- $4 clearance smallint
WITH own AS MATERIALIZED (
    SELECT DISTINCT id ->> 'scheme' AS scheme, source ->> 'source_id' AS source_id FROM (
        SELECT body::jsonb AS body FROM events
        WHERE meta LIKE '%"import":%' AND (meta::json ->> 'import')::bigint = $2 AND position <= $3 AND tlp <= $4
          AND body LIKE '%"external_ids":[{%' AND body LIKE '%"sources":[{%'
        ORDER BY position LIMIT 1000
    ) AS first, jsonb_array_elements(body -> 'external_ids') AS ids (id), jsonb_array_elements(body -> 'sources') AS s (source)
), told AS MATERIALIZED (
    SELECT stream, body::jsonb AS body FROM events e
    WHERE stream = ANY($1) AND position <= $3 AND tlp <= $4
      AND body LIKE '%"external_ids":[{%' AND body LIKE '%"sources":[{%'
      AND NOT EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked')
)
SELECT DISTINCT stream
FROM told, jsonb_array_elements(body -> 'external_ids') AS ids (id), jsonb_array_elements(body -> 'sources') AS s (source)
WHERE (id ->> 'scheme', source ->> 'source_id') IN (SELECT scheme, source_id FROM own)
