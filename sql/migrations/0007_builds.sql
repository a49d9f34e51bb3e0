-- Builds beside each other: a new version of the subjects or of a projection is built while the old one answers, and
-- one switch makes it the one that answers. What was derived so far is thrown away: the log gives it again.
TRUNCATE builds, subjects, merge_links, ledger, names, documents, document_members;

DROP INDEX one_active_build;
ALTER TABLE builds
    DROP CONSTRAINT builds_projection_version_key,
    DROP COLUMN active,
    ADD COLUMN base      smallint NOT NULL,
    ADD COLUMN shape     text NOT NULL,
    ADD COLUMN state     text NOT NULL CHECK (state IN ('building', 'active', 'retired', 'dropped'));
CREATE UNIQUE INDEX one_active_build ON builds (projection) WHERE state = 'active';
CREATE UNIQUE INDEX one_building_build ON builds (projection, version, base) WHERE state = 'building';
COMMENT ON COLUMN builds.base IS 'The build of the subjects that it is made of; its own number for the subjects.';
COMMENT ON COLUMN builds.shape IS
    'A digest of how its rows are stored: code of another version may read them where this is the same.';
COMMENT ON COLUMN builds.state IS
    'building: on its way; active: it answers; retired: it answered, and may again; dropped: its rows are gone, and its '
    'number is not used again, so that whoever still goes by it finds its checkpoint gone.';

ALTER TABLE subjects ADD COLUMN build smallint NOT NULL, DROP CONSTRAINT subjects_pkey;
ALTER TABLE subjects ADD PRIMARY KEY (build, stream, level, from_position);
DROP INDEX subjects_by_position;
CREATE INDEX subjects_by_position ON subjects (build, from_position);

ALTER TABLE merge_links ADD COLUMN position bigint NOT NULL;
COMMENT ON COLUMN merge_links.position IS 'Of the first merge that named both: before it they are folded apart.';

CREATE TABLE parked (
    build          smallint NOT NULL,
    stream         text NOT NULL COLLATE "C",
    from_position  bigint NOT NULL,
    to_position    bigint,
    level          smallint NOT NULL,
    reason         text NOT NULL,
    wish           text CHECK (wish IN ('retry', 'discard')),
    note           text,
    PRIMARY KEY (build, stream, from_position)
);
COMMENT ON TABLE parked IS
    'Streams that a projection could not take in, from a position on: answers in between say that they are incomplete. '
    'A retry takes effect with the next event, since the answers given so far must stay.';

CREATE TABLE leases (
    work   text PRIMARY KEY,
    node   uuid NOT NULL,
    until  timestamptz NOT NULL
);
COMMENT ON TABLE leases IS
    'Which node keeps up what: so that others do not work in vain. That nothing counts twice is the checkpoint''s doing.';
