-- name: clock
-- The database's clock, to be compared with ours.
SELECT clock_timestamp()
