-- name: log
-- Which log this is, and the zone data that it goes by: the last of them hold now.
SELECT id, zone, fork, generation, ARRAY(SELECT id FROM zone_data ORDER BY release, added_at) AS zone_data FROM log

-- name: head
-- The last commit; no row in an empty log.
SELECT last_position, recorded_at FROM commits ORDER BY last_position DESC LIMIT 1

-- name: following
-- How many events follow a position, and of what type the next of them is; no row where none follows.
-- $1 position bigint
SELECT (SELECT last_position FROM commits ORDER BY last_position DESC LIMIT 1) - $1 AS events, type
FROM events WHERE position = $1 + 1

-- name: position_at
-- The last position recorded by an instant; no row when there is none.
-- $1 instant timestamptz
SELECT last_position FROM commits WHERE recorded_at <= $1 ORDER BY recorded_at DESC LIMIT 1

-- name: after
-- Events after a position, in position order.
-- $1 after bigint
-- $2 limit bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events WHERE position > $1 ORDER BY position LIMIT $2

-- name: batch
-- The next events, as many as fit into some bytes, and at least one. What is not read is not taken out of its storage.
-- $1 after bigint
-- $2 limit bigint
-- $3 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS upto,
           row_number() OVER (ORDER BY position) AS number
    FROM (SELECT * FROM events WHERE position > $1 ORDER BY position LIMIT $2) AS following
) AS counted
WHERE upto <= $3 OR number = 1 ORDER BY position

-- name: shared_batch
-- The same for a reader that has some partitions of the streams: of all these events those that are wanted, and the last
-- one, wanted or not, whose `number` says how many there are.
-- $1 after bigint
-- $2 limit bigint
-- $3 octets bigint
-- $4 partitions integer
-- $5 own integer[]
-- $6 adopted text[]
-- $7 lent text[]
-- $8 categories text[]
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp,
       CASE WHEN wanted THEN body END AS body, CASE WHEN wanted THEN meta ELSE '' END AS meta, wanted, number
FROM (
    SELECT *, lead(position) OVER (ORDER BY position) IS NULL AS last
    FROM (
        SELECT *, sum(octets) OVER (ORDER BY position) AS upto, row_number() OVER (ORDER BY position) AS number
        FROM (
            SELECT *, CASE WHEN wanted THEN coalesce(octet_length(body), 0) + octet_length(meta) ELSE 0 END AS octets
            FROM (
                SELECT *, type = 'record.merged' OR stream = ANY($6) OR split_part(stream, ':', 1) = ANY($8)
                       OR (get_byte(sha256(convert_to(stream, 'UTF8')), 0) % $4 = ANY($5) AND stream <> ALL($7)) AS wanted
                FROM events WHERE position > $1 ORDER BY position LIMIT $2
            ) AS following
        ) AS weighed
    ) AS counted
    WHERE upto <= $3 OR number = 1
) AS read
WHERE wanted OR last ORDER BY position

-- name: of_streams
-- All events of some streams up to a position, in position order.
-- $1 streams text[]
-- $2 upto bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events WHERE stream = ANY($1) AND position <= $2 ORDER BY position

-- name: stream
-- One stream's events, oldest first, from just after a stream version: those that a clearance covers or may cover, as a
-- remark may have marked them lower. Whether it does, and whether what is covered was marked higher, is for the caller.
-- As many as fit into some bytes, and at least one; `following` is the position of the next one, null where none was found.
-- $1 stream text
-- $2 after_version integer
-- $3 upto bigint
-- $4 clearance smallint
-- $5 limit bigint
-- $6 octets bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta,
       following
FROM (
    SELECT *, sum(coalesce(octet_length(body), 0) + octet_length(meta)) OVER (ORDER BY position) AS octets,
           row_number() OVER (ORDER BY position) AS number, lead(position) OVER (ORDER BY position) AS following
    FROM (
        SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
        FROM events e
        WHERE stream = $1 AND stream_version > $2 AND position <= $3
          AND (tlp <= $4 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
        ORDER BY stream_version LIMIT $5
    ) AS wanted
) AS counted
WHERE octets <= $6 OR number = 1 ORDER BY position

-- name: by_ids
-- Events by their ids, in position order.
-- $1 event_ids uuid[]
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events WHERE event_id = ANY($1) ORDER BY position

-- name: said
-- What was said about the records of some streams, up to the head and of every marking, in position order; where that is
-- long, without what neither corrects nor marks: every reading of these streams reads all of it.
-- $1 streams text[]
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp,
       CASE WHEN octet_length(body) > 4096
                 AND type IN ('record.disputed', 'record.corroborated', 'record.retracted', 'record.remarked', 'record.merged')
            THEN (body::jsonb - '{sources,actors,links,external_ids,place,notes}'::text[])::text
            ELSE body END,
       meta
FROM events
WHERE stream = ANY($1) AND type ~ '^(record|evidence|custody)[.]'
ORDER BY position

-- name: unopened
-- Events without what they say, in position order: some by their ids, those at some positions, all of some streams.
-- $1 event_ids uuid[]
-- $2 positions bigint[]
-- $3 streams text[]
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, NULL::text, meta
FROM events WHERE event_id = ANY($1) OR position = ANY($2) OR stream = ANY($3)
ORDER BY position

-- name: of_import
-- Events that came with an import, after a position, without what they say, in position order: those that a clearance
-- covers or may cover, as in `stream`.
-- $1 import bigint
-- $2 after bigint
-- $3 clearance smallint
-- $4 limit bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, NULL::text, meta
FROM events e
WHERE meta LIKE '%"import":%' AND (meta::json ->> 'import')::bigint = $1 AND position > $2
  AND (tlp <= $3 OR EXISTS (SELECT FROM events r WHERE r.stream = e.stream AND r.type = 'record.remarked'))
ORDER BY position LIMIT $4

-- name: existing_streams
-- Which of these streams there are, the lowest marking that an event of the world was given there (where there is none,
-- what was said about it), and whether any of them was marked otherwise since.
-- $1 streams text[]
SELECT stream, coalesce(min(tlp) FILTER (WHERE type !~ '^(record|evidence|custody)[.]'), min(tlp)),
       bool_or(type = 'record.remarked')
FROM events WHERE stream = ANY($1) GROUP BY stream

-- name: version_of
-- A stream's version: the number of its events.
-- $1 stream text
SELECT coalesce(max(stream_version), 0) FROM events WHERE stream = $1

-- name: reported_by
-- Events up to a position that a source had reported by an instant, for the basis `reported`: those that a clearance
-- covers, and all of the streams on which markings were changed.
-- $1 upto bigint
-- $2 reported_by timestamptz
-- $3 clearance smallint
-- $4 limit bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events
WHERE position <= $1 AND coalesce(reported_at, recorded_at) <= $2
  AND (tlp <= $3 OR stream IN (SELECT r.stream FROM events r WHERE r.type = 'record.remarked'))
ORDER BY position LIMIT $4

-- name: reported_of
-- Events of some streams up to a position that a source had reported by an instant: those that a clearance covers, and
-- all of the streams on which markings were changed.
-- $1 streams text[]
-- $2 upto bigint
-- $3 reported_by timestamptz
-- $4 clearance smallint
-- $5 limit bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events
WHERE stream = ANY($1) AND position <= $2 AND coalesce(reported_at, recorded_at) <= $3
  AND (tlp <= $4 OR stream IN (SELECT r.stream FROM events r WHERE r.type = 'record.remarked' AND r.stream = ANY($1)))
ORDER BY position LIMIT $5

-- name: marking
-- What says how events are marked up to a position, and no source had reported by an instant: remarks, and what amends
-- or retracts something on their streams. Of some streams, or (null) of all.
-- $1 streams text[]
-- $2 upto bigint
-- $3 reported_by timestamptz
-- $4 limit bigint
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events
WHERE stream IN (SELECT r.stream FROM events r WHERE r.type = 'record.remarked' AND ($1::text[] IS NULL OR r.stream = ANY($1)))
  AND type IN ('record.remarked', 'record.amended', 'record.retracted')
  AND position <= $2 AND coalesce(reported_at, recorded_at) > $3
ORDER BY position LIMIT $4

-- name: of_categories
-- All events of some categories, in position order; for those of which there are few. OFFSET 0 skips nothing: with it each
-- category is looked up in the index of streams, where the planner would else join the whole log with them.
-- $1 categories text[]
SELECT e.position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM unnest($1::text[]) AS c (category)
CROSS JOIN LATERAL (
    SELECT position FROM events WHERE stream >= c.category || ':' AND stream < c.category || ';' OFFSET 0
) AS found
JOIN events e USING (position)
ORDER BY e.position
