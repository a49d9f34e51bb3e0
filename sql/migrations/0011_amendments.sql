-- Which events an amendment speaks of, for telling history in the order in which it is known to have happened.
CREATE INDEX amendments ON events (position) WHERE type = 'record.amended';
