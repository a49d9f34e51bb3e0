-- name: summarizes
-- Whether the server summarises its WAL, without which it can make no increment of a backup.
SELECT current_setting('summarize_wal')::boolean

-- name: summarize
-- Let it, from now on and after every start. For a superuser, outside of any transaction.
ALTER SYSTEM SET summarize_wal = on

-- name: reload
-- Let the server read its settings again.
SELECT pg_reload_conf()

-- name: kept_at_most
-- How much WAL the server keeps for a slot; nothing where it keeps all of it.
SELECT nullif(current_setting('max_slot_wal_keep_size'), '-1')
