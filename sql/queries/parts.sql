-- name: rows
-- Events after a position with everything that is stored of them, in position order; for whoever exports or verifies.
-- $1 after bigint
-- $2 upto bigint
-- $3 limit bigint
SELECT e.position, e.recorded_at, e.body, e.body_salt, e.body_digest, e.meta, e.meta_salt,
       p.position IS NOT NULL AS has_private, p.text AS private, p.salt AS private_salt, p.digest AS private_digest,
       e.event_id, e.stream, e.stream_version, e.type, e.schema_version, e.recorded_by, e.tlp, e.verification,
       e.occurred_from, e.occurred_until, e.reported_at, e.place_id, e.country, e.admin1, e.lat, e.lon, e.actors
FROM events e LEFT JOIN event_private p USING (position)
WHERE e.position > $1 AND e.position <= $2
ORDER BY e.position LIMIT $3

-- name: salts
-- What opens the leaf of an event, beside the text of its parts.
-- $1 position bigint
SELECT body_salt, meta_salt FROM events WHERE position = $1

-- name: commits
-- Commits after a position, in order.
-- $1 after bigint
-- $2 limit bigint
SELECT last_position, recorded_at FROM commits WHERE last_position > $1 ORDER BY last_position LIMIT $2

-- name: strays
-- Private parts of events that are not there; there are none, unless somebody took the events away.
SELECT p.position FROM event_private p LEFT JOIN events e USING (position) WHERE e.position IS NULL ORDER BY 1 LIMIT 1
