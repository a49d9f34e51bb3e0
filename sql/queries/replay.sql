-- name: occurred
-- A page of the log in the order in which things happened, after an instant and a position and before an instant, of
-- what was recorded up to a position. What a clearance does not cover is in it too, so that every page goes on.
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
-- When the event at a position happened; no row where there is none.
-- $1 position bigint
SELECT occurred_from FROM events WHERE position = $1
