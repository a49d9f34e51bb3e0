-- What ids are derived under that the service makes of a client's `Idempotency-Key`: a secret of the log, for with the
-- names alone anybody could take another's ids before they are used.

CREATE TABLE idempotency (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret    bytea NOT NULL
);
COMMENT ON TABLE idempotency IS 'One row. With another secret, what is sent again under its old key is appended a second time.';

INSERT INTO idempotency (secret) VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
