-- Snapshots of ledgers: the totals of some dimensions, every so many positions, so that what was known at any position
-- is a snapshot and the lines since. They follow from the ledger, whose lines never change: they may be made at any time.
CREATE TABLE snapshots (
    build       smallint NOT NULL,
    rollup      smallint NOT NULL,
    position    bigint NOT NULL,
    counted_by  timestamptz NOT NULL,
    totals      bigint NOT NULL,
    PRIMARY KEY (build, rollup, position)
);
COMMENT ON COLUMN snapshots.rollup IS 'Which of the tally''s `rollups`, from 0.';
COMMENT ON COLUMN snapshots.counted_by IS
    'The instant of the world up to which bookings are in it: when the position was recorded. Later ones are added.';

CREATE TABLE snapshot_totals (
    build       smallint NOT NULL,
    rollup      smallint NOT NULL,
    position    bigint NOT NULL,
    level       smallint NOT NULL,
    mark        bigint NOT NULL,
    dimensions  text[] COLLATE "C" NOT NULL,
    amounts     bigint[] NOT NULL
);
CREATE INDEX snapshot_totals_by_position ON snapshot_totals (build, rollup, position);
COMMENT ON COLUMN snapshot_totals.mark IS 'The last booking''s position, doubled, plus one when it restated something.';
