-- A version of a subject of many events is stored as what it adds to an earlier one: whole, the versions of a stream
-- would take the square of its events.
ALTER TABLE subjects ADD COLUMN rests_on bigint, ADD COLUMN lists text,
    ADD CONSTRAINT rests_with_lists CHECK ((rests_on IS NULL) = (lists IS NULL));
COMMENT ON COLUMN subjects.rests_on IS
    'Where the version stands that this one rests on; null where body is whole.';
COMMENT ON COLUMN subjects.lists IS
    'What of the lists that it shares with that version is its own, and, as rests, how many items it shares, and those in place of which it has its own first.';
