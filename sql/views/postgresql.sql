-- What `incidentlog tables DIR --into DSN` makes first in its schema (docs/sql.md). For each table NAME it then makes the
-- table NAME_states, the view NAME of the last state, and the function NAME_at(instant).

CREATE TABLE IF NOT EXISTS bases (
    basis    bigint PRIMARY KEY,
    "at"     timestamptz NOT NULL,
    known_at timestamptz,
    "by"     text NOT NULL
);

-- The state of knowledge to go by at an instant: the last that is held of those that were known then.
CREATE OR REPLACE FUNCTION known_by(instant timestamptz) RETURNS bigint LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT max(basis) FROM bases WHERE coalesce(known_at, "at") <= instant;
END;
