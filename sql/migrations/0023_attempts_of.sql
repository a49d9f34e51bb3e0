-- Of which event a webhook's attempts are: another may come next once that is marked higher or erased.

ALTER TABLE webhooks ADD COLUMN attempts_of bigint CHECK (attempts_of > 0);
COMMENT ON COLUMN webhooks.attempts IS 'How often the event at attempts_of was tried.';
COMMENT ON COLUMN webhooks.attempts_of IS 'The position of the event that was tried last and is to be tried again; null where none failed.';
