-- Numbers of builds go round: of 32,767 there is always one that was not used for long, however often all is built anew.
-- Rows of builds that are gone go with the next ones that go: each who looks for what is built would read them.
ALTER TABLE builds ADD COLUMN made bigint;
UPDATE builds SET made = build;
ALTER TABLE builds ALTER COLUMN made SET NOT NULL;
COMMENT ON COLUMN builds.made IS 'How many builds were made up to this one.';
COMMENT ON COLUMN builds.state IS
    'building: on its way; active: it answers; retired: it answered, and may again; dropped: its rows are gone, and its '
    'number is used again when all others were, so that whoever still goes by it finds its checkpoint gone.';
