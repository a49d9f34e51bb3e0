-- A version of a subject of many events is stored as what it adds to an earlier one: whole, the versions of a stream
-- would take the square of its events.
ALTER TABLE subjects ADD COLUMN rests_on bigint;
COMMENT ON COLUMN subjects.rests_on IS
    'Where the version stands that this one rests on: its lists begin with items of that one''s, as body.rests says; null where body is whole.';
