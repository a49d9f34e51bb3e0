-- The zone data by which dates are read. Each event says under its hash by which; here is what they say.

CREATE TABLE zone_data (
    id        text PRIMARY KEY COLLATE "C",
    release   text NOT NULL COLLATE "C",
    packed    bytea NOT NULL,
    added_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE zone_data IS
    'All zone data that the log goes by, or went by. The last release holds for what is appended from now on.';
COMMENT ON COLUMN zone_data.id IS 'The release and a digest of what is packed: it cannot be another without being found.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON zone_data
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE zone_data ENABLE ALWAYS TRIGGER append_only;
