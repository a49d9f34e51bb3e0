-- On which streams markings were changed: what else is marked above a reader's clearance need not be read for its answers.
CREATE INDEX remarks ON events (stream) WHERE type = 'record.remarked';
