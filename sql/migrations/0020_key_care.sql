-- Keys are looked after: what each is for, until when it opens anything, how often it may ask, and when it last did. A key
-- that is rotated has two secrets for a while, so that whoever uses it can change over without a gap.

ALTER TABLE api_keys
    ADD COLUMN note          text CHECK (length(note) BETWEEN 1 AND 500),
    ADD COLUMN expires_at    timestamptz,
    ADD COLUMN requests      integer CHECK (requests >= 0),
    ADD COLUMN last_used_at  timestamptz,
    ADD COLUMN former_digest bytea UNIQUE CHECK (length(former_digest) = 32),
    ADD COLUMN former_until  timestamptz,
    ADD CONSTRAINT api_keys_former_check CHECK ((former_digest IS NULL) = (former_until IS NULL));
COMMENT ON COLUMN api_keys.requests IS 'How many it may make in a minute; 0 is no limit, null the limit of all.';
COMMENT ON COLUMN api_keys.last_used_at IS 'To the hour: a write for each key and hour, and not for each request.';
COMMENT ON COLUMN api_keys.former_digest IS 'The secret before it was rotated, which opens the same until former_until.';
