-- What is said about records, by stream: every reading of events asks for it, to know what counts and who may see it.
CREATE INDEX said ON events (stream, position) WHERE type ~ '^(record|evidence|custody)[.]';
