-- What occurs in each block of 256 positions: who asks for events of a place, an actor, a time or a box reads the blocks
-- that may have some, and not the log. Of whole blocks only, written after the appends and never by them. It follows
-- from `events`, and is filled by the runner when there is time for it: what has no row yet is looked through.
CREATE TABLE blocks (
    block     bigint PRIMARY KEY CHECK (block >= 0),
    terms     tsvector NOT NULL,
    earliest  timestamptz NOT NULL,
    latest    timestamptz NOT NULL
);
COMMENT ON TABLE blocks IS 'What the events of a block of 256 positions are about: from block * 256 + 1 on.';
COMMENT ON COLUMN blocks.terms IS 'Each value by which events are filtered, with what it is of: `country:UA`.';
COMMENT ON COLUMN blocks.earliest IS 'When the first of its events began, as far as that is known.';
COMMENT ON COLUMN blocks.latest IS 'When the last of its events ended.';
ALTER TABLE blocks ALTER terms SET STATISTICS 0; -- what is erased would be left there
-- Written at once, as it is one row for 256 events: what is pending would be read through by each who asks.
CREATE INDEX blocks_by_term ON blocks USING gin (terms) WITH (fastupdate = off);
