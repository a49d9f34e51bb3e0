-- The log itself: what is appended, never changed. Every promise that can be a constraint is one.
-- Names are unqualified: a log is a schema, chosen by search_path.

CREATE TABLE log (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id          uuid NOT NULL,
    zone        text NOT NULL,
    fork        integer NOT NULL DEFAULT 0,
    generation  integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE log IS 'Which log this is: one row. The zone its days are counted in is fixed when it is made.';

CREATE TABLE commits (
    last_position  bigint PRIMARY KEY CHECK (last_position > 0),
    recorded_at    timestamptz NOT NULL UNIQUE
);
COMMENT ON TABLE commits IS
    'One row per append; the last row is the head. Not a counter that is updated: dead versions of one hot row '
    'cannot be pruned under a long snapshot.';

CREATE TABLE events (
    position        bigint PRIMARY KEY CHECK (position > 0),
    event_id        uuid NOT NULL UNIQUE,
    stream          text NOT NULL COLLATE "C",
    stream_version  integer NOT NULL CHECK (stream_version BETWEEN 1 AND 10000),
    type            text NOT NULL COLLATE "C",
    schema_version  smallint NOT NULL,
    recorded_at     timestamptz NOT NULL,
    recorded_by     text NOT NULL,
    tlp             smallint NOT NULL CHECK (tlp BETWEEN 0 AND 4),
    verification    text NOT NULL,
    occurred_from   timestamptz NOT NULL,
    occurred_until  timestamptz NOT NULL,
    reported_at     timestamptz,
    place_id        text COLLATE "C",
    country         text COLLATE "C",
    admin1          text COLLATE "C",
    lat             double precision,
    lon             double precision,
    actors          text[] NOT NULL,
    body            text NOT NULL,
    body_salt       bytea NOT NULL CHECK (length(body_salt) = 32),
    meta            text NOT NULL,
    meta_salt       bytea NOT NULL CHECK (length(meta_salt) = 32),
    UNIQUE (stream, stream_version)
);
COMMENT ON COLUMN events.body IS
    'The exact canonical bytes of what the client sent; what is hashed, exported and compared. Columns only index it.';
COMMENT ON COLUMN events.meta IS 'The exact canonical bytes of what the server added; hashed beside the body.';

CREATE TABLE event_private (
    position  bigint PRIMARY KEY REFERENCES events,
    digest    bytea NOT NULL CHECK (length(digest) = 32),
    salt      bytea CHECK (length(salt) = 32),
    text      text,
    CHECK ((salt IS NULL) = (text IS NULL))
);
COMMENT ON TABLE event_private IS 'The part of an event that stays erasable: text and salt can go, the digest stays.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the log is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'IL001';
END
$$;

-- ENABLE ALWAYS: a plain trigger is skipped under session_replication_role = replica.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON commits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE commits ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_private
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE event_private ENABLE ALWAYS TRIGGER append_only;

CREATE TABLE api_keys (
    key_id      text PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    scopes      text[] NOT NULL,
    clearance   smallint NOT NULL CHECK (clearance BETWEEN 0 AND 4),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at  timestamptz
);
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of a key of 256 random bits: nothing to guess, so nothing to stretch.';
