-- Webhooks: whose events go where, how far each is, and what could not be delivered. No text of an event is kept here: a
-- dead letter names it, and what is sent again is made from the log as it is then.

CREATE TABLE webhooks (
    webhook_id     uuid PRIMARY KEY,
    key_id         text NOT NULL REFERENCES api_keys,
    clearance      smallint NOT NULL CHECK (clearance BETWEEN 0 AND 4),
    url            text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    filters        text NOT NULL CHECK (length(filters) <= 20000),
    note           text CHECK (length(note) BETWEEN 1 AND 500),
    secret         bytea NOT NULL CHECK (length(secret) BETWEEN 24 AND 64),
    former_secret  bytea CHECK (length(former_secret) BETWEEN 24 AND 64),
    former_until   timestamptz,
    created_at     timestamptz NOT NULL,
    revision       integer NOT NULL DEFAULT 1,
    state          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'off')),
    reason         text CHECK (reason IN ('gone', 'failing', 'full')),
    position       bigint NOT NULL CHECK (position >= 0),
    attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at        timestamptz,
    dead_in_row    integer NOT NULL DEFAULT 0 CHECK (dead_in_row >= 0),
    last_attempt_at    timestamptz,
    last_delivered_at  timestamptz,
    last_failure   text CHECK (length(last_failure) <= 200),
    lessee         uuid,
    leased_until   timestamptz,
    CONSTRAINT webhooks_former_check CHECK ((former_secret IS NULL) = (former_until IS NULL)),
    CONSTRAINT webhooks_off_check CHECK ((state = 'off') = (reason IS NOT NULL))
);
CREATE INDEX webhooks_by_key ON webhooks (key_id, webhook_id);
COMMENT ON COLUMN webhooks.clearance IS 'That of the key when it made it; what the key sees by now counts where that is less.';
COMMENT ON COLUMN webhooks.filters IS 'As the client said them: a JSON object of lists of texts.';
COMMENT ON COLUMN webhooks.revision IS 'Counts what was changed by a client, so that whoever delivers notices.';
COMMENT ON COLUMN webhooks.position IS 'Everything up to it was delivered, or is a dead letter, or is not for it.';
COMMENT ON COLUMN webhooks.attempts IS 'How often the event that comes next was tried.';
COMMENT ON COLUMN webhooks.leased_until IS 'Who delivers, and until when no other process does.';

CREATE TABLE dead_letters (
    webhook_id  uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    position    bigint NOT NULL,
    event_id    uuid NOT NULL,
    attempts    integer NOT NULL,
    failed_at   timestamptz NOT NULL,
    failure     text NOT NULL CHECK (length(failure) <= 200),
    wanted      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (webhook_id, position)
);
COMMENT ON COLUMN dead_letters.wanted IS 'Somebody asked for it to be tried once more.';
