-- name: occurred
-- A page of the log in the order in which things happened, as first told, after an instant and a position and before an
-- instant, of what was recorded up to a position. What a clearance does not cover is in it too, so that every page goes
-- on.
-- $1 since timestamptz
-- $2 after bigint
-- $3 until timestamptz
-- $4 upto bigint
-- $5 limit bigint
SELECT occurred_from, position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp,
       body, meta
FROM events
WHERE (occurred_from, position) > ($1, $2) AND occurred_from < $3 AND position <= $4
ORDER BY occurred_from, position LIMIT $5

-- name: occurred_at
-- When the event at a position happened, as first told.
-- $1 position bigint
SELECT occurred_from FROM events WHERE position = $1

-- name: amended_times
-- The events of which an amendment up to a position says when they happened, whoever may see that; by their streams.
-- $1 upto bigint
SELECT DISTINCT stream, (body::jsonb #>> '{data,target}')::uuid AS target FROM events
WHERE type = 'record.amended' AND position <= $1
  AND jsonb_exists(body::jsonb #> '{data,patch}', 'occurred')
ORDER BY stream

-- name: at
-- The events at some positions, in position order.
-- $1 positions bigint[]
SELECT position, event_id, stream, stream_version, type, schema_version, recorded_at, recorded_by, tlp, body, meta
FROM events WHERE position = ANY($1) ORDER BY position
