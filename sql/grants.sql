-- Who may do what, run on every migrate. Roles belong to the server, not to the log: where they are missing (a server
-- of the user's, with one login for all) there is nothing to grant, and readiness says that roles are shared.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'incidentlog_appender') THEN
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO incidentlog_appender, incidentlog_runner, incidentlog_notary,'
                   ' incidentlog_eraser, incidentlog_reader', current_schema());
    REVOKE ALL ON FUNCTION append_events FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION append_events TO incidentlog_appender;
    GRANT SELECT ON log, commits, events, zone_data, idempotency TO incidentlog_appender;
    REVOKE SELECT ON event_private FROM incidentlog_appender; -- the append reads it as its owner
    GRANT SELECT ON log, commits, events, zone_data TO incidentlog_runner, incidentlog_notary, incidentlog_reader;
    -- Who may see that there is a private part, and its digest, without seeing it.
    GRANT SELECT (position, digest) ON event_private TO incidentlog_notary, incidentlog_reader;
    GRANT SELECT ON log, commits, events, event_private, zone_data TO incidentlog_eraser;
    GRANT UPDATE (body, body_salt, body_digest, verification, reported_at, actors) ON events TO incidentlog_eraser;
    GRANT UPDATE (salt, text) ON event_private TO incidentlog_eraser;
    GRANT UPDATE (generation, erased_upto) ON log TO incidentlog_runner;
    GRANT SELECT, UPDATE ON blocks TO incidentlog_eraser;
    -- What is kept for a limited time is the eraser's too.
    GRANT SELECT, INSERT, DELETE ON access_log TO incidentlog_eraser;
    GRANT SELECT, UPDATE ON access_open TO incidentlog_eraser;
    GRANT SELECT, INSERT ON access_digests TO incidentlog_eraser;
    GRANT SELECT, INSERT, DELETE ON sessions TO incidentlog_eraser;
    GRANT SELECT, UPDATE (revoked_at, last_used_at) ON api_keys TO incidentlog_eraser;
    -- Whoever delivers needs their secrets, and readers do not.
    GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks, dead_letters TO incidentlog_eraser;
    GRANT SELECT (webhook_id, key_id, clearance, url, filters, note, former_until, created_at, state, reason, position,
                  attempts, next_at, last_attempt_at, last_delivered_at, last_failure) ON webhooks TO incidentlog_reader;
    GRANT SELECT ON dead_letters TO incidentlog_reader;
    GRANT SELECT, INSERT ON tiles, tree_heads TO incidentlog_notary;
    GRANT SELECT ON log_keys TO incidentlog_notary;
    GRANT SELECT ON log_keys, tiles, tree_heads TO incidentlog_reader;
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE
        ON builds, subjects, merge_links, segments, names, documents, document_members, parked, leases, snapshots, blocks
        TO incidentlog_runner;
    GRANT SELECT ON builds, subjects, merge_links, segments, names, documents, document_members, parked, leases, snapshots,
           blocks, api_keys, sessions
        TO incidentlog_reader;
END
$$;
