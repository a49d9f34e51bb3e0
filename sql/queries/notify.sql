-- name: notify
-- Tell every process that listens on a channel.
-- $1 channel text
-- $2 payload text
SELECT pg_notify($1, $2)

-- name: alive
-- Anything that makes the round trip.
SELECT 1
