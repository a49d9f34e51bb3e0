-- A document of many subjects is not kept with every version, but folded from its subjects when it is read: kept, a
-- thousand versions of a thousand subjects would be a million.
ALTER TABLE documents ADD COLUMN on_read boolean NOT NULL DEFAULT false;
ALTER TABLE documents ALTER COLUMN on_read DROP DEFAULT;
COMMENT ON COLUMN documents.on_read IS
    'Its body is not kept: it is folded from the subjects that were members of its key at from_position.';
