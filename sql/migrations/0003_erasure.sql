-- What may go after all: text and salt of a part that a committed `record.erased` names. Its digest stays, so that the
-- leaf of the event, and with it every proof, stays the same.

ALTER TABLE events
    ALTER body DROP NOT NULL,
    ALTER body_salt DROP NOT NULL,
    ALTER verification DROP NOT NULL,
    ALTER actors DROP NOT NULL,
    ADD body_digest bytea CHECK (length(body_digest) = 32),
    -- The columns copied from the body go with it; those that index meta stay, as meta does.
    ADD CONSTRAINT body_or_its_digest CHECK (
        CASE WHEN body_digest IS NULL THEN num_nulls(body, body_salt, verification, actors) = 0
             ELSE num_nonnulls(body, body_salt, verification, reported_at, actors) = 0 END);
COMMENT ON COLUMN events.body_digest IS 'SHA-256(''body'', 00, salt, body) of a body that was erased; null while it is there.';

-- ANALYZE would keep samples of the texts in pg_statistic, where no erasure finds them; no plan needs them.
ALTER TABLE events ALTER body SET STATISTICS 0;
ALTER TABLE event_private ALTER text SET STATISTICS 0;
ALTER TABLE subjects ALTER body SET STATISTICS 0;
ALTER TABLE documents ALTER body SET STATISTICS 0;
SELECT pg_clear_attribute_stats(current_schema()::text, t, c, false)
FROM (VALUES ('events', 'body'), ('event_private', 'text'), ('subjects', 'body'), ('documents', 'body')) AS v (t, c);

ALTER TABLE log ADD erased_upto bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN log.erased_upto IS
    'The last record.erased of a body after which everything derived was built anew; a later one still waits for that.';

CREATE INDEX erasures ON events (position) WHERE type = 'record.erased';

CREATE FUNCTION is_eraser() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_user = 'incidentlog_eraser'
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'incidentlog_eraser')
$$;
COMMENT ON FUNCTION is_eraser IS 'Whether this is the role that may erase; where the server has no roles of ours, anybody is.';

-- An id may be written with capitals, braces or as a URN (RFC 9562 §4); the cast takes all but the last.
CREATE FUNCTION is_to_be_erased(target_id uuid, target_stream text, target_part text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM events e
        WHERE e.type = 'record.erased' AND e.stream = target_stream
          AND e.body::json #>> '{data,part}' = target_part
          AND regexp_replace(e.body::json #>> '{data,target}', '^urn:uuid:', '', 'i')::uuid = target_id
          AND e.xmin <> pg_current_xact_id()::xid)
$$;
COMMENT ON FUNCTION is_to_be_erased IS 'Whether a committed record.erased names this part of this event.';

CREATE FUNCTION refuse_all_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT is_eraser() THEN
        RAISE EXCEPTION '% on % is refused: the log is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'IL001';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION allow_erased_body() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    without events := OLD;
BEGIN
    without.body_digest := sha256('body'::bytea || '\x00'::bytea || OLD.body_salt || convert_to(OLD.body, 'UTF8'));
    without.body := NULL;
    without.body_salt := NULL;
    without.verification := NULL;
    without.reported_at := NULL;
    without.actors := NULL;
    IF OLD.body IS NULL OR NEW IS DISTINCT FROM without OR NOT is_to_be_erased(OLD.event_id, OLD.stream, 'body') THEN
        RAISE EXCEPTION 'UPDATE of event % is refused: all that may be done is to erase a body that a record.erased names',
            OLD.event_id USING ERRCODE = 'IL001';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION allow_erased_private() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    without event_private := OLD;
    event   events;
BEGIN
    without.salt := NULL;
    without.text := NULL;
    SELECT * INTO event FROM events WHERE position = OLD.position;
    IF OLD.text IS NULL OR NEW IS DISTINCT FROM without OR NOT is_to_be_erased(event.event_id, event.stream, 'private') THEN
        RAISE EXCEPTION 'UPDATE of event % is refused: all that may be done is to erase a part that a record.erased names',
            event.event_id USING ERRCODE = 'IL001';
    END IF;
    RETURN NEW;
END
$$;

-- A table of the caller's, in pg_temp, would be found before ours, unless pg_temp is named last.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['is_to_be_erased', 'refuse_all_but_erasure', 'allow_erased_body', 'allow_erased_private'] LOOP
        EXECUTE format('ALTER FUNCTION %I SET search_path TO %I, pg_temp', name, current_schema());
    END LOOP;
END
$$;

DROP TRIGGER append_only ON events;
DROP TRIGGER append_only ON event_private;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON event_private
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER eraser_only BEFORE UPDATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_all_but_erasure();
CREATE TRIGGER eraser_only BEFORE UPDATE ON event_private
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_all_but_erasure();
CREATE TRIGGER erasure_only BEFORE UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION allow_erased_body();
CREATE TRIGGER erasure_only BEFORE UPDATE ON event_private
    FOR EACH ROW EXECUTE FUNCTION allow_erased_private();
ALTER TABLE events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE events ENABLE ALWAYS TRIGGER eraser_only;
ALTER TABLE events ENABLE ALWAYS TRIGGER erasure_only;
ALTER TABLE event_private ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE event_private ENABLE ALWAYS TRIGGER eraser_only;
ALTER TABLE event_private ENABLE ALWAYS TRIGGER erasure_only;
