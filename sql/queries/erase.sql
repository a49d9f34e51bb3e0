-- name: as_eraser
-- Be the eraser up to the end of the transaction, where the login may be that; without such a role there is one login.
SELECT set_config('role', rolname, true) FROM pg_roles WHERE rolname = 'incidentlog_eraser'

-- name: pending
-- What a record.erased names and is still there, oldest first.
-- $1 limit bigint
SELECT e.position, t.position AS target, e.body::json #>> '{data,part}' AS part
FROM events e
JOIN events t
  ON t.event_id = regexp_replace(e.body::json #>> '{data,target}', '^urn:uuid:', '', 'i')::uuid AND t.stream = e.stream
LEFT JOIN event_private p ON p.position = t.position
WHERE e.type = 'record.erased'
  AND CASE e.body::json #>> '{data,part}' WHEN 'body' THEN t.body IS NOT NULL ELSE p.text IS NOT NULL END
ORDER BY e.position LIMIT $1

-- name: erased
-- What a record.erased names and is gone.
SELECT DISTINCT t.position, e.body::json #>> '{data,part}' AS part
FROM events e
JOIN events t
  ON t.event_id = regexp_replace(e.body::json #>> '{data,target}', '^urn:uuid:', '', 'i')::uuid AND t.stream = e.stream
LEFT JOIN event_private p ON p.position = t.position
WHERE e.type = 'record.erased'
  AND CASE e.body::json #>> '{data,part}' WHEN 'body' THEN t.body IS NULL ELSE p.text IS NULL END
ORDER BY 1, 2

-- name: erase_body
-- Remove the body at a position, its salt and the columns copied from it; its commitment stays.
-- $1 position bigint
UPDATE events
SET body_digest = sha256('body'::bytea || '\x00'::bytea || body_salt || convert_to(body, 'UTF8')),
    body = NULL, body_salt = NULL, verification = NULL, reported_at = NULL, actors = NULL
WHERE position = $1 AND body IS NOT NULL

-- name: erase_private
-- Remove the private part at a position, and its salt; its commitment stays.
-- $1 position bigint
UPDATE event_private SET text = NULL, salt = NULL WHERE position = $1 AND text IS NOT NULL

-- name: owed
-- Whether a body was erased that what answers was still built from.
SELECT last_erased_body() > erased_upto FROM log

-- name: private
-- The private part of an event: there, or erased.
-- $1 position bigint
SELECT text FROM event_private WHERE position = $1

-- name: private_positions
-- Which of these events have, or had, a private part.
-- $1 positions bigint[]
SELECT position FROM event_private WHERE position = ANY($1)

-- name: rewrite
-- Write the tables that held what was erased anew, so that no page of their files has a trace of it. Locks each while.
VACUUM (FULL) events, event_private, subjects, documents, segments, snapshots, names, blocks, access_log

-- name: checkpoint
-- Let the files be what the tables are.
CHECKPOINT
