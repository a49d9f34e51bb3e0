-- Who asks for what happened by an instant reads no segment all of whose lines count later. Of segments that are there
-- nobody has told it: they are read whatever instant is asked for, until they are merged or built anew.
ALTER TABLE segments ADD COLUMN earliest timestamptz;
COMMENT ON COLUMN segments.earliest IS 'The first instant from which a line of it counts; null is unknown.';
