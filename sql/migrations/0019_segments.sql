-- Ledgers are stored as packed columns, many lines in a row, where each line was a row with three indexes: the same
-- history at a few per cent of the room, and of the write-ahead log. What tallies were is built again from the log.
DELETE FROM names WHERE build IN (SELECT DISTINCT build FROM ledger);
DELETE FROM parked WHERE build IN (SELECT DISTINCT build FROM ledger);
UPDATE builds SET state = 'dropped' WHERE state <> 'dropped' AND build IN (SELECT DISTINCT build FROM ledger);
DROP TABLE ledger, snapshot_totals;

CREATE TABLE segments (
    build           smallint NOT NULL,
    first_position  bigint NOT NULL,
    last_position   bigint NOT NULL,
    latest          timestamptz NOT NULL,
    merged          boolean NOT NULL,
    uid             uuid NOT NULL DEFAULT gen_random_uuid(),
    body            bytea STORAGE EXTERNAL NOT NULL,
    PRIMARY KEY (build, last_position)
);
CREATE INDEX loose_segments ON segments (build) WHERE NOT merged;
COMMENT ON TABLE segments IS
    'Lines of ledgers, double entry: minus the old and plus the new, never edited. Totals as of K sum up to K. A segment '
    'has all lines of its build between its two positions.';
COMMENT ON COLUMN segments.latest IS 'The last instant of the world from which one of its lines counts.';
COMMENT ON COLUMN segments.merged IS 'Whether it was made of others, which it replaced: the lines stay what they are.';
COMMENT ON COLUMN segments.uid IS 'By which a reader knows that it has read it.';

TRUNCATE snapshots;
ALTER TABLE snapshots
    ADD COLUMN uid   uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN body  bytea STORAGE EXTERNAL NOT NULL;
COMMENT ON COLUMN snapshots.body IS 'Its totals, packed like the lines of a segment; the dimensions are the rollup''s.';
