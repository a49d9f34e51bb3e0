-- A snapshot holds what was booked since an earlier one, and not all that ever was: those that follow each other add up to
-- what was known. So its rollup may have many totals, and is told by its dimensions: another one needs no ledger anew.
-- What there is follows from the ledgers, and is taken again.
TRUNCATE snapshots;
ALTER TABLE snapshots
    DROP COLUMN totals,
    ALTER COLUMN rollup TYPE text COLLATE "C",
    ADD COLUMN after bigint NOT NULL,
    ADD CHECK (0 <= after AND after < position);
COMMENT ON TABLE snapshots IS
    'The totals of a rollup of a ledger, of what is known at a position and was not at an earlier one.';
COMMENT ON COLUMN snapshots.rollup IS 'The dimensions of one of the tally''s `rollups`, joined by commas.';
COMMENT ON COLUMN snapshots.after IS 'The position of the snapshot to which it is added; 0 where it is all that was known.';
COMMENT ON COLUMN snapshots.counted_by IS
    'The instant of the world up to which bookings are in it, and in those before it: when the position was recorded. Later '
    'ones are added.';

-- Events of a category and type, in the order of the log: what is rare is found without looking through all of it. By a
-- digest of 64 bits of the two: an entry of two numbers takes a third of one with texts, as only such pages are filled.
CREATE INDEX events_by_kind ON events (hashtextextended(split_part(stream, ':', 1) || ' ' || type, 0), position);

-- Which days the lines of a segment are of: who asks for a period reads no others. Those that are there do not say it.
ALTER TABLE segments ADD COLUMN first_day date, ADD COLUMN last_day date;
COMMENT ON COLUMN segments.first_day IS 'The first day of what its lines are of, as far as that is known; null is unknown.';
COMMENT ON COLUMN segments.last_day IS 'The last one, likewise.';

-- How a ledger is stored is told without the rollups from here on: the same ledgers, and they go on answering.
UPDATE builds SET shape = now.shape FROM (VALUES
    ('76e4413e46e477ae', 'b03301fc4c58c104'),
    ('ebc9a8ebbeafd985', '6cb27e526e37574c'),
    ('1f1920eea9fad23a', '990961057907f082'),
    ('8ce4a4194a69bf79', 'f6578a30cb1fc911'),
    ('b2accabd0057f00d', 'ad9fbdcb2ae4b230'),
    ('fa29303c64eead63', 'e1a54cdbdcdfb7a4'),
    ('ea54ef96b9ed2248', 'e05276c3399eaed2'),
    ('523a341ec4ca08b8', '705117d5b66376e8'),
    ('085818bc508da1cf', 'e717f466b98b5d30'),
    ('f2d7cefb8c9a73fd', 'c4cbad12d5fa2d24')
) AS now (before, shape) WHERE builds.shape = now.before;
