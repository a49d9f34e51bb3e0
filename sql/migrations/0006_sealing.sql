-- What the notary makes of the log: the Merkle tree's full tiles, and the tree heads it signed. Never changed, as the
-- log itself; and never trusted alone: the last head is kept outside the database too. A fork begins its tree anew.

CREATE TABLE log_keys (
    fork     integer PRIMARY KEY,
    origin   text NOT NULL,
    vkey     text NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE log_keys IS 'Under which name and key the tree heads of a fork are signed; the first to claim it does.';

CREATE TABLE tiles (
    fork    integer NOT NULL REFERENCES log_keys,
    level   smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    index   bigint NOT NULL CHECK (index >= 0),
    hashes  bytea NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (fork, level, index)
);
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress
COMMENT ON TABLE tiles IS 'Full tiles of 256 hashes (C2SP tlog-tiles); those that are not full are computed.';

CREATE TABLE tree_heads (
    fork       integer NOT NULL REFERENCES log_keys,
    size       bigint NOT NULL CHECK (size >= 0),
    root       bytea NOT NULL CHECK (length(root) = 32),
    note       text NOT NULL,
    signed_at  timestamptz NOT NULL,
    PRIMARY KEY (fork, size)
);
COMMENT ON COLUMN tree_heads.note IS 'The signed note as it is served, with the cosignatures there were when it was published.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE log_keys ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tiles
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE tiles ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE tree_heads ENABLE ALWAYS TRIGGER append_only;
