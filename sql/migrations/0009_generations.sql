-- The generation rises in the transaction that switches to subjects which know of more erasures than those before them.
ALTER TABLE builds ADD COLUMN erased_upto bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN builds.erased_upto IS 'Of subjects: the last record.erased of a body that was carried out before they were begun.';
