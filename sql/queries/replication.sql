-- name: mark
-- Where the leader is: its timeline, and how far its log is written, in bytes; no row on a standby.
SELECT substr(pg_walfile_name(written), 1, 8) AS timeline, (written - '0/0'::pg_lsn)::bigint AS written
FROM (SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END AS written) AS leader
WHERE written IS NOT NULL

-- name: standby
-- Whether a server is a standby; which timeline it is sent, null while it is sent none, or we may not see; how far it
-- has replayed, in bytes; whether we may see; and when it was started.
SELECT pg_is_in_recovery() AS standby,
    (SELECT lpad(upper(to_hex(received_tli)), 8, '0') FROM pg_stat_wal_receiver WHERE status = 'streaming') AS timeline,
    coalesce((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, 0) AS replayed,
    pg_has_role('pg_read_all_stats', 'USAGE') AS may_see,
    pg_postmaster_start_time() AS started

-- name: acknowledging
-- What a leader's acknowledgements wait for, how many standbys it streams to, how many of them are synchronous, and
-- whether we may see that; who receives the log into files (pg_receivewal) is none.
SELECT current_setting('synchronous_standby_names') AS names,
    current_setting('synchronous_commit') AS waits,
    count(pid) FILTER (WHERE coalesce(state = 'streaming' AND application_name <> 'pg_receivewal', true)) AS standbys,
    count(pid) FILTER (WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')) AS synchronous,
    pg_has_role('pg_read_all_stats', 'USAGE') AS may_see
FROM pg_stat_replication
