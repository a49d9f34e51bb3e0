-- name: clock
-- The database's clock, to be compared with ours.
SELECT clock_timestamp()

-- name: ahead
-- When the head was recorded, and how far that is ahead of the database's clock, in seconds; no row in an empty log.
SELECT recorded_at, extract(epoch FROM recorded_at - clock_timestamp())::double precision AS seconds
FROM commits ORDER BY last_position DESC LIMIT 1
