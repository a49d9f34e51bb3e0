-- What is computed from the log, and can be thrown away and rebuilt from it. Each row belongs to a build: one version
-- of the subjects or of one projection. Each row has its marking level, and the positions between which it held.

CREATE TABLE builds (
    build       smallint PRIMARY KEY,
    projection  text NOT NULL,
    version     integer NOT NULL,
    position    bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    active      boolean NOT NULL DEFAULT false,
    UNIQUE (projection, version)
);
CREATE UNIQUE INDEX one_active_build ON builds (projection) WHERE active;
COMMENT ON COLUMN builds.position IS
    'The checkpoint: moved by compare-and-swap in the transaction of the rows it stands for, so two cannot both count.';

CREATE TABLE subjects (
    stream         text NOT NULL COLLATE "C",
    level          smallint NOT NULL,
    from_position  bigint NOT NULL,
    to_position    bigint,
    restated       boolean NOT NULL,
    body           text,
    PRIMARY KEY (stream, level, from_position)
);
COMMENT ON TABLE subjects IS
    'Every version of every subject. A stream absorbed by a merge says where it went, and hides the levels below. '
    'to_position is exclusive; null while the version stands.';
CREATE INDEX subjects_by_position ON subjects (from_position);

CREATE TABLE merge_links (
    survivor  text NOT NULL COLLATE "C",
    absorbed  text NOT NULL COLLATE "C",
    PRIMARY KEY (survivor, absorbed)
);
CREATE INDEX merge_links_by_absorbed ON merge_links (absorbed);
COMMENT ON TABLE merge_links IS 'Streams that a merge named, effective or not: they are folded together.';

CREATE TABLE ledger (
    build       smallint NOT NULL,
    position    bigint NOT NULL,
    line        integer NOT NULL,
    level       smallint NOT NULL,
    stream      text NOT NULL COLLATE "C",
    at          timestamptz NOT NULL,
    dimensions  text[] COLLATE "C" NOT NULL,
    amounts     bigint[] NOT NULL,
    restated    boolean NOT NULL,
    PRIMARY KEY (build, position, line)
);
COMMENT ON TABLE ledger IS 'Double entry: minus the old and plus the new, never edited. Totals as of K sum up to K.';
CREATE INDEX ledger_by_instant ON ledger (build, at);
CREATE INDEX ledger_by_first_dimension ON ledger (build, (dimensions[1]), position);

CREATE TABLE names (
    build      smallint NOT NULL,
    dimension  text NOT NULL COLLATE "C",
    value      text NOT NULL COLLATE "C",
    level      smallint NOT NULL,
    position   bigint NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (build, dimension, value, level)
);
COMMENT ON TABLE names IS
    'What a dimension''s value is called when it is shown: the first name it was given, among what a reader may see.';

CREATE TABLE documents (
    build          smallint NOT NULL,
    key            text NOT NULL COLLATE "C",
    level          smallint NOT NULL,
    from_position  bigint NOT NULL,
    to_position    bigint,
    restated       boolean NOT NULL,
    body           text,
    left_out       integer NOT NULL,
    PRIMARY KEY (build, key, level, from_position)
);
CREATE INDEX documents_by_position ON documents (build, from_position);
CREATE INDEX documents_by_end ON documents (build, to_position) WHERE to_position IS NOT NULL;

CREATE TABLE document_members (
    build          smallint NOT NULL,
    key            text NOT NULL COLLATE "C",
    stream         text NOT NULL COLLATE "C",
    from_position  bigint NOT NULL,
    to_position    bigint,
    PRIMARY KEY (build, key, stream, from_position)
);
