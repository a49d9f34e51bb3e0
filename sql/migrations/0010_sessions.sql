-- A browser that has signed in: a page cannot put a key into the handshake of its WebSocket, a cookie can.

CREATE TABLE sessions (
    digest      bytea PRIMARY KEY CHECK (length(digest) = 32),
    key_digest  bytea NOT NULL CHECK (length(key_digest) = 32),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires_at);
COMMENT ON COLUMN sessions.key_digest IS 'The key that it was opened with: it ends when that is revoked or replaced.';
