-- Who read what, kept for a limited time; each day's digest goes into the log as an event, and stays.

CREATE TABLE access_log (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day      date NOT NULL,
    at       timestamptz NOT NULL,
    key_id   text NOT NULL,
    route    text NOT NULL,
    status   smallint NOT NULL,
    basis    text,
    purpose  text
);
CREATE INDEX access_log_by_day ON access_log (day, number);
COMMENT ON COLUMN access_log.day IS
    'The local day on which it was read; the next one that is open, where that day''s digest was made before this came.';

CREATE TABLE access_open (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    day       date NOT NULL
);
INSERT INTO access_open (day) VALUES ('-infinity');
COMMENT ON TABLE access_open IS 'The first day that may still get entries: one row.';

CREATE TABLE access_digests (
    day      date PRIMARY KEY,
    entries  bigint NOT NULL,
    sha256   bytea NOT NULL CHECK (length(sha256) = 32)
);
COMMENT ON TABLE access_digests IS 'The days whose digest is in the log: their entries may go.';

CREATE FUNCTION keep_until_digested() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM access_digests d WHERE d.day = OLD.day) THEN
        RAISE EXCEPTION 'DELETE on access_log is refused: the digest of % is not in the log yet', OLD.day
            USING ERRCODE = 'IL001';
    END IF;
    RETURN OLD;
END
$$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION keep_until_digested SET search_path TO %I, pg_temp', current_schema());
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER digested_only BEFORE DELETE ON access_log
    FOR EACH ROW EXECUTE FUNCTION keep_until_digested();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_digests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE access_log ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE access_log ENABLE ALWAYS TRIGGER digested_only;
ALTER TABLE access_digests ENABLE ALWAYS TRIGGER append_only;
