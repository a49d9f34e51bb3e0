-- What is on sheets is looked for by the days of these from here on. Of lines that are stored nobody has told these days:
-- they are read whatever day is asked for, until the projection is built anew.
UPDATE segments SET first_day = NULL, last_day = NULL
WHERE build IN (SELECT build FROM builds WHERE projection = 'violation_sheets');
COMMENT ON COLUMN segments.first_day IS 'The first day by which its lines are looked for: of what they are of, and of their sheets; null is unknown.';
